// The order of peaks of equal height, which published poses were made with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "maps.hpp"

namespace aepose {

// Fill `to` with the maximum of the windows around each of n values, `step` apart.
inline void window_maxima(const float* from, float* to, std::int64_t n, std::int64_t step,
                          std::int64_t radius) {
    for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t last = std::min(n - 1, i + radius);
        float highest = from[i * step];
        for (std::int64_t j = std::max<std::int64_t>(0, i - radius); j <= last; ++j)
            highest = std::max(highest, from[j * step]);
        to[i * step] = highest;
    }
}

// Write the `most` highest peaks of a heatmap, 0 for those that are not above the threshold. Among equal
// values the order, and the choice at the end, is that of torch.topk on a CPU over the whole map with
// all but the maxima set to 0: what the standard library's algorithms make of it.
inline void settle_ties(const Plane& map, std::int64_t most, std::int64_t kernel, float threshold,
                        float* score, std::int64_t* cell) {
    const std::int64_t cells = map.height * map.width;
    std::vector<float> rows(cells), highest(cells);
    for (std::int64_t y = 0; y < map.height; ++y)
        window_maxima(map.row(y), rows.data() + y * map.width, map.width, 1,
                      std::min(kernel / 2, map.width));
    for (std::int64_t x = 0; x < map.width; ++x)
        window_maxima(rows.data() + x, highest.data() + x, map.height, map.width,
                      std::min(kernel / 2, map.height));
    std::vector<Peak> queue(cells);
    for (std::int64_t i = 0; i < cells; ++i)
        queue[i] = {map.data[i] == highest[i] ? map.data[i] : 0.0F, i};
    const auto before = [](const Peak& a, const Peak& b) { return a.value > b.value; };
    if (most * 64 <= cells) {
        std::partial_sort(queue.begin(), queue.begin() + most, queue.end(), before);
    } else {
        std::nth_element(queue.begin(), queue.begin() + most - 1, queue.end(), before);
        std::sort(queue.begin(), queue.begin() + most - 1, before);
    }
    for (std::int64_t i = 0; i < most; ++i) {
        const bool above = queue[i].value > threshold;
        score[i] = above ? queue[i].value : 0;
        cell[i] = above ? queue[i].cell : 0;
    }
}

}  // namespace aepose
