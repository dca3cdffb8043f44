// Peaks of heatmaps, and the cells where a tag fits best, each in one pass over the maps.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "blocks.hpp"

namespace aepose {

struct Heatmaps {  // (K, H, W), the cells of a map without gaps
    const float* data;
    std::int64_t count, height, width;
    std::ptrdiff_t plane_stride;  // all strides count floats

    std::int64_t cells() const { return height * width; }
    const float* plane(std::int64_t k) const { return data + k * plane_stride; }
};

struct Tags {  // (K or 1, H, W, L), cells `cell_stride` apart
    const float* data;
    std::int64_t count, channels;
    std::ptrdiff_t plane_stride, cell_stride, channel_stride;

    // One map may serve all keypoints.
    std::int64_t plane_of(std::int64_t keypoint) const { return count == 1 ? 0 : keypoint; }
    const float* channel(std::int64_t plane, std::int64_t c) const {
        return data + plane * plane_stride + c * channel_stride;
    }
};

struct Peak {
    float value;
    std::int64_t cell;  // y * W + x
};

class Maps {
  public:
    Maps(Heatmaps heatmaps, Tags tags)
        : heat_(heatmaps),
          tags_(tags),
          blocks_((heatmaps.cells() + block_size - 1) / block_size),
          heat_high_(heatmaps.count),
          tag_low_(tags.count),
          tag_high_(tags.count) {}

    const Heatmaps& heatmaps() const { return heat_; }
    const Tags& tags() const { return tags_; }

    // Write for each keypoint the `most` highest cells above the threshold that are the maximum of
    // the window around them, highest first; the rest stays as it is. tied: whether two of them, or
    // the last and the best one left out, are equal, so that their order is not settled here.
    void top(std::int64_t most, std::int64_t kernel, float threshold, float* score,
             std::int64_t* cell, bool* tied) {
        const std::lock_guard<std::mutex> lock(mutex_);
        std::vector<Peak> found;
        for (std::int64_t k = 0; k < heat_.count; ++k) {
            find_maxima(k, kernel / 2, threshold, found);
            const auto kept = std::min<std::int64_t>(most + 1, found.size());
            const auto before = [](const Peak& a, const Peak& b) {
                return a.value != b.value ? a.value > b.value : a.cell < b.cell;
            };
            std::partial_sort(found.begin(), found.begin() + kept, found.end(), before);
            tied[k] = false;
            for (std::int64_t i = 1; i < kept; ++i)
                tied[k] = tied[k] || found[i].value == found[i - 1].value;
            for (std::int64_t i = 0; i < std::min(most, kept); ++i) {
                score[k * most + i] = found[i].value;
                cell[k * most + i] = found[i].cell;
            }
        }
    }

    // Write for each of n (keypoint, mean tag) the first cell with the highest value of heatmap -
    // rounded distance of its tag to the mean.
    void best_cells(const std::int64_t* keypoint, const float* mean, std::int64_t n,
                    std::int64_t* cell) {
        const std::lock_guard<std::mutex> lock(mutex_);
        std::vector<std::int64_t> order(n);
        for (std::int64_t i = 0; i < n; ++i) order[i] = i;
        // All searches in a map one after another, while it is in the cache.
        std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
            return keypoint[a] < keypoint[b];
        });
        for (const std::int64_t i : order)
            cell[i] = best_cell(keypoint[i], mean + i * tags_.channels);
    }

  private:
    Heatmaps heat_;
    Tags tags_;
    std::int64_t blocks_;
    // Per map, empty until needed: values of all blocks; of tags, channel after channel.
    std::vector<std::vector<float>> heat_high_, tag_low_, tag_high_;
    std::vector<float> bound_;
    std::mutex mutex_;

    std::int64_t block_end(std::int64_t block) const {
        return std::min((block + 1) * block_size, heat_.cells());
    }

    const std::vector<float>& heat_high(std::int64_t k) {
        std::vector<float>& high = heat_high_[k];
        if (!high.empty()) return high;
        std::vector<float> low(blocks_), found(blocks_);
        if (!scan_dense(heat_.plane(k), heat_.cells(), low.data(), found.data()))
            throw std::invalid_argument(
                "heatmaps: NaN or infinite values; the network's output is broken");
        return high = std::move(found);
    }

    void find_tag_range(std::int64_t plane) {
        if (!tag_low_[plane].empty()) return;
        std::vector<float> low(blocks_ * tags_.channels), high(low.size());
        bool finite = true;
        for (std::int64_t c = 0; c < tags_.channels; ++c) {
            const float* tag = tags_.channel(plane, c);
            float* lowest = low.data() + c * blocks_;
            float* highest = high.data() + c * blocks_;
            finite &= tags_.cell_stride == 1
                          ? scan_dense(tag, heat_.cells(), lowest, highest)
                          : scan<false>(tag, heat_.cells(), tags_.cell_stride, lowest, highest);
        }
        if (!finite)
            throw std::invalid_argument(
                "tags: NaN or infinite values; the network's output is broken");
        tag_low_[plane] = std::move(low);
        tag_high_[plane] = std::move(high);
    }

    void find_maxima(std::int64_t k, std::int64_t radius, float threshold,
                     std::vector<Peak>& found) {
        const std::vector<float>& high = heat_high(k);
        const float* map = heat_.plane(k);
        found.clear();
        for (std::int64_t b = 0; b < blocks_; ++b) {
            if (!(high[b] > threshold)) continue;
            for (std::int64_t cell = b * block_size; cell < block_end(b); ++cell)
                if (map[cell] > threshold && is_maximum(map, cell, radius))
                    found.push_back({map[cell], cell});
        }
    }

    bool is_maximum(const float* map, std::int64_t cell, std::int64_t radius) const {
        if (radius == 0) return true;
        const std::int64_t width = heat_.width, y = cell / width, x = cell % width;
        const float value = map[cell];
        // Most cells fall by a direct neighbour.
        if ((x > 0 && map[cell - 1] > value) || (x + 1 < width && map[cell + 1] > value) ||
            (y > 0 && map[cell - width] > value) ||
            (y + 1 < heat_.height && map[cell + width] > value))
            return false;
        const std::int64_t left = std::max<std::int64_t>(0, x - radius);
        const std::int64_t right = std::min(width - 1, x + radius);
        const std::int64_t bottom = std::min(heat_.height - 1, y + radius);
        for (std::int64_t row = std::max<std::int64_t>(0, y - radius); row <= bottom; ++row)
            for (std::int64_t column = left; column <= right; ++column)
                if (map[row * width + column] > value) return false;
        return true;
    }

    std::int64_t best_cell(std::int64_t keypoint, const float* mean) {
        const std::vector<float>& high = heat_high(keypoint);
        find_tag_range(tags_.plane_of(keypoint));
        const std::int64_t likely = bound_blocks(high, tags_.plane_of(keypoint), mean);
        Peak best{-infinity, 0};
        search_block(keypoint, likely, mean, best);
        for (std::int64_t b = 0; b < blocks_; ++b)
            // Of equal cells the first one counts, so an equal bound is worth a look before it.
            if (bound_[b] > best.value || (bound_[b] == best.value && b * block_size < best.cell))
                search_block(keypoint, b, mean, best);
        return best.cell;
    }

    // Fill bound_: no cell of the block has a higher value. Rounding keeps order, so the bound holds
    // for the rounded values too. Returns a block with the highest bound.
    std::int64_t bound_blocks(const std::vector<float>& high, std::int64_t plane,
                              const float* mean) {
        bound_.assign(blocks_, 0);
        for (std::int64_t c = 0; c < tags_.channels; ++c)
            add_gaps(tag_low_[plane].data() + c * blocks_, tag_high_[plane].data() + c * blocks_,
                     blocks_, mean[c], bound_.data());
        finish_values(high.data(), blocks_, bound_.data());
        return std::max_element(bound_.begin(), bound_.end()) - bound_.begin();
    }

    void search_block(std::int64_t keypoint, std::int64_t block, const float* mean,
                      Peak& best) const {
        const std::int64_t start = block * block_size, n = block_end(block) - start;
        const std::int64_t plane = tags_.plane_of(keypoint), step = tags_.cell_stride;
        float value[block_size] = {};
        for (std::int64_t c = 0; c < tags_.channels; ++c)
            add_squares(tags_.channel(plane, c) + start * step, n, step, mean[c], value);
        finish_values(heat_.plane(keypoint) + start, n, value);
        for (std::int64_t i = 0; i < n; ++i)
            if (value[i] > best.value || (value[i] == best.value && start + i < best.cell))
                best = {value[i], start + i};
    }
};

}  // namespace aepose
