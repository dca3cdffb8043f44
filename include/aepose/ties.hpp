// The order of peaks of equal height, which published poses were made with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "bodies.hpp"

namespace aepose {

struct Peak {
    float value;
    std::int64_t cell;  // y * W + x
};

// Raise n values to those of others.
inline void raise(float* values, const float* others, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) values[i] = bodies::higher(others[i], values[i]);
}

// Return the `most` highest cells of a heatmap, highest first, with all but the maxima of the windows
// around them set to 0. Among equal values the order, and the choice at the end, is that of torch.topk on
// a CPU over the whole map: what the standard library's algorithms make of it.
inline std::vector<Peak> settle_ties(const Plane& map, std::int64_t most, std::int64_t radius) {
    const std::int64_t cells = map.height * map.width, width = map.width;
    const bool by_heap = most * 64 <= cells;
    std::vector<float> column(width), window(width);
    std::vector<Peak> queue;
    bool negative = false;
    for (std::int64_t y = 0; y < map.height; ++y) {
        std::copy_n(map.row(y), width, column.begin());
        const std::int64_t last = std::min(map.height - 1, y + radius);
        for (std::int64_t row = std::max<std::int64_t>(0, y - radius); row <= last; ++row)
            raise(column.data(), map.row(row), width);
        window = column;
        for (std::int64_t apart = 1; apart <= std::min(radius, width - 1); ++apart) {
            raise(window.data(), column.data() + apart, width - apart);
            raise(window.data() + apart, column.data(), width - apart);
        }
        for (std::int64_t x = 0; x < width; ++x) {
            const std::int64_t cell = y * width + x;
            const float value = map.row(y)[x] == window[x] ? map.row(y)[x] : 0;
            if (cell < most) negative = negative || value < 0;
            // A heap of the `most` best so far stays as it is where a value is not above one of it.
            if (cell < most || value > 0 || negative || !by_heap) queue.push_back({value, cell});
        }
    }
    const auto before = [](const Peak& a, const Peak& b) { return a.value > b.value; };
    if (by_heap) {
        std::partial_sort(queue.begin(), queue.begin() + most, queue.end(), before);
    } else {
        std::nth_element(queue.begin(), queue.begin() + most - 1, queue.end(), before);
        std::sort(queue.begin(), queue.begin() + most - 1, before);
    }
    queue.resize(most);
    return queue;
}

}  // namespace aepose
