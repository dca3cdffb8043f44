// Peaks of heatmaps, and the cells where a tag fits best, each in one pass over the maps.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "loops.hpp"
#include "threads.hpp"
#include "ties.hpp"

namespace aepose {

// Heatmaps (K, H, W), read where they are. The cells of a map follow each other without gaps. All
// strides count floats.
struct Heatmaps {
    const float* data;
    std::int64_t count, height, width;
    std::ptrdiff_t plane_stride;  // from one map to the next

    std::int64_t cells() const { return height * width; }
    const float* plane(std::int64_t k) const { return data + k * plane_stride; }
};

// Tags of K keypoints, or of one map that serves all, with L tags in each cell, wherever these lie.
// Fastest with a cell_stride of 1.
struct Tags {
    const float* data;
    std::int64_t count, channels;  // K or 1, L
    std::ptrdiff_t plane_stride, cell_stride, channel_stride;

    std::int64_t plane_of(std::int64_t keypoint) const { return count == 1 ? 0 : keypoint; }
    const float* channel(std::int64_t plane, std::int64_t c) const {
        return data + plane * plane_stride + c * channel_stride;
    }
    float at(std::int64_t keypoint, std::int64_t cell, std::int64_t c) const {
        return channel(plane_of(keypoint), c)[cell * cell_stride];
    }
};

// The maps of a picture. Several threads may use one object; `threads` work for each call.
class Maps {
  public:
    Maps(Heatmaps heatmaps, Tags tags, const Loops& loops, std::int64_t threads = 1)
        : heat_(heatmaps),
          tags_(tags),
          loops_(loops),
          threads_(threads),
          across_(plane(0).across()),
          tiles_(plane(0).tiles()),
          groups_((tiles_ + group_size - 1) / group_size),
          heat_high_(heatmaps.count),
          tag_low_(tags.count),
          tag_high_(tags.count) {}

    const Heatmaps& heatmaps() const { return heat_; }
    const Tags& tags() const { return tags_; }

    // Write for each keypoint the `most` highest cells above the threshold that are the maximum of
    // the window around them, highest first; the rest stays as it is.
    void top(std::int64_t most, std::int64_t kernel, float threshold, float* score,
             std::int64_t* cell) {
        const std::lock_guard<std::mutex> lock(mutex_);
        // No window is larger than the map.
        const std::int64_t radius = std::min(kernel / 2, std::max(heat_.width, heat_.height));
        for_each(heat_.count, threads_, [&](std::int64_t k) {
            std::vector<Peak> found = find_maxima(k, radius, threshold);
            // One more than asked for, to see whether the last one is equal to it.
            const auto kept = std::min<std::int64_t>(most + 1, found.size());
            const auto before = [](const Peak& a, const Peak& b) { return a.value > b.value; };
            std::partial_sort(found.begin(), found.begin() + kept, found.end(), before);
            const auto equal = [](const Peak& a, const Peak& b) { return a.value == b.value; };
            if (std::adjacent_find(found.begin(), found.begin() + kept, equal) !=
                found.begin() + kept)
                found = settle_ties(plane(k), most, radius);
            for (std::int64_t i = 0; i < std::min<std::int64_t>(most, found.size()); ++i) {
                if (!(found[i].value > threshold)) break;
                score[k * most + i] = found[i].value;
                cell[k * most + i] = found[i].cell;
            }
        });
    }

    // Write for each of n (keypoint, mean tag) the first cell with the highest value of heatmap -
    // rounded distance of its tag to the mean.
    void best_cells(const std::int64_t* keypoint, const float* mean, std::int64_t n,
                    std::int64_t* cell) {
        const std::lock_guard<std::mutex> lock(mutex_);
        std::vector<std::vector<std::int64_t>> searches(heat_.count);
        for (std::int64_t i = 0; i < n; ++i) searches[keypoint[i]].push_back(i);
        std::vector<std::int64_t> searched;
        for (std::int64_t k = 0; k < heat_.count; ++k)
            if (!searches[k].empty()) searched.push_back(k);
        if (tags_.count == 1 && n > 0) find_tag_range(0);
        // All searches in a map one after another, while it is in the cache.
        for_each(searched.size(), threads_, [&](std::int64_t s) {
            find_tag_range(tags_.plane_of(searched[s]));
            Bounds bounds{std::vector<float>(groups_ * group_size), std::vector<float>(groups_), {}};
            for (const std::int64_t i : searches[searched[s]])
                cell[i] = best_cell(searched[s], mean + i * tags_.channels, bounds);
        });
    }

  private:
    struct Bounds {  // no cell has a higher value
        std::vector<float> of_tile, of_group;
        std::vector<std::int64_t> groups;  // a heap, the highest one on top
    };

    Heatmaps heat_;
    Tags tags_;
    Loops loops_;
    std::int64_t threads_, across_, tiles_, groups_;
    // Per map, empty until needed: values of all tiles; of tags, channel after channel.
    std::vector<std::vector<float>> heat_high_, tag_low_, tag_high_;
    std::mutex mutex_;

    Plane plane(std::int64_t k) const { return {heat_.plane(k), heat_.height, heat_.width, 1}; }
    std::int64_t left(std::int64_t tile) const { return tile % across_ * tile_side; }
    std::int64_t top(std::int64_t tile) const { return tile / across_ * tile_side; }
    std::int64_t first_cell(std::int64_t tile) const {
        return top(tile) * heat_.width + left(tile);
    }
    std::int64_t rows(std::int64_t tile) const {
        return std::min(tile_side, heat_.height - top(tile));
    }
    std::int64_t columns(std::int64_t tile) const {
        return std::min(tile_side, heat_.width - left(tile));
    }

    const std::vector<float>& heat_high(std::int64_t k) {
        std::vector<float>& high = heat_high_[k];
        if (!high.empty()) return high;
        std::vector<float> found(groups_ * group_size, -infinity);
        if (!loops_.scan_high(plane(k), found.data()))
            throw std::invalid_argument(
                "heatmaps: NaN or infinite values; the network's output is broken");
        return high = std::move(found);
    }

    void find_tag_range(std::int64_t plane) {
        if (!tag_low_[plane].empty()) return;
        const std::int64_t listed = groups_ * group_size;
        std::vector<float> low(listed * tags_.channels), high(low.size());
        for (std::int64_t c = 0; c < tags_.channels; ++c)
            if (!loops_.scan_range(
                    {tags_.channel(plane, c), heat_.height, heat_.width, tags_.cell_stride},
                    low.data() + c * listed, high.data() + c * listed))
                throw std::invalid_argument(
                    "tags: NaN or infinite values; the network's output is broken");
        tag_low_[plane] = std::move(low);
        tag_high_[plane] = std::move(high);
    }

    std::vector<Peak> find_maxima(std::int64_t k, std::int64_t radius, float threshold) {
        const std::vector<float>& high = heat_high(k);
        const float* map = heat_.plane(k);
        std::vector<Peak> found;
        const auto look = [&](std::int64_t cell) {
            if (map[cell] > threshold && is_maximum(map, cell, radius))
                found.push_back({map[cell], cell});
        };
        for (std::int64_t tile = 0; tile < tiles_; ++tile) {
            if (!(high[tile] > threshold)) continue;
            const std::int64_t x = left(tile), y = top(tile), first = first_cell(tile);
            float kept[tile_cells];
            const bool inside = radius > 0 && x > 0 && x + tile_side < heat_.width && y > 0 &&
                                y + tile_side < heat_.height;
            if (inside && !(loops_.keep_maxima(map + first, heat_.width, kept) > threshold))
                continue;
            for (std::int64_t row = 0; row < rows(tile); ++row)
                for (std::int64_t column = 0; column < columns(tile); ++column)
                    if (!inside || kept[row * tile_side + column] > threshold)
                        look(first + row * heat_.width + column);
        }
        return found;
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

    // Tiles are visited in the order of what their group can still give, until none can.
    std::int64_t best_cell(std::int64_t keypoint, const float* mean, Bounds& bounds) {
        const std::int64_t plane = tags_.plane_of(keypoint);
        const std::vector<float>& high = heat_high(keypoint);
        loops_.bound_tiles(high.data(), tag_low_[plane].data(), tag_high_[plane].data(), groups_,
                           tags_.channels, mean, bounds.of_tile.data(), bounds.of_group.data());
        bounds.groups.resize(groups_);
        for (std::int64_t g = 0; g < groups_; ++g) bounds.groups[g] = g;
        const auto after = [&](std::int64_t a, std::int64_t b) {
            const float one = bounds.of_group[a], other = bounds.of_group[b];
            return one != other ? one < other : a > b;
        };
        std::make_heap(bounds.groups.begin(), bounds.groups.end(), after);
        Peak best{-infinity, 0};
        const float* begin = bounds.of_tile.data() + bounds.groups.front() * group_size;
        const std::int64_t likely =
            std::max_element(begin, begin + group_size) - bounds.of_tile.data();
        search_tile(keypoint, likely, mean, best);
        while (!bounds.groups.empty() && bounds.of_group[bounds.groups.front()] >= best.value) {
            const std::int64_t start = bounds.groups.front() * group_size;
            for (std::int64_t tile = start; tile < std::min(start + group_size, tiles_); ++tile) {
                const float bound = bounds.of_tile[tile];
                // Of equal cells the first one counts, so an equal bound is worth a look before it.
                if (bound > best.value || (bound == best.value && first_cell(tile) < best.cell))
                    search_tile(keypoint, tile, mean, best);
            }
            std::pop_heap(bounds.groups.begin(), bounds.groups.end(), after);
            bounds.groups.pop_back();
        }
        return best.cell;
    }

    void search_tile(std::int64_t keypoint, std::int64_t tile, const float* mean,
                     Peak& best) const {
        const std::int64_t first = first_cell(tile), columns = this->columns(tile);
        const float* tag = tags_.channel(tags_.plane_of(keypoint), 0) + first * tags_.cell_stride;
        float value[tile_cells];
        const float highest = loops_.fit_tile(
            {heat_.width, tags_.cell_stride, tags_.channel_stride, tags_.channels, mean},
            heat_.plane(keypoint) + first, tag, rows(tile), columns, value);
        if (!(highest >= best.value) || highest == -infinity) return;
        std::int64_t row = 0, column = 0;
        while (value[row * tile_side + column] != highest)
            if (++column == columns) column = 0, ++row;
        const std::int64_t cell = first + row * heat_.width + column;
        if (highest > best.value || cell < best.cell) best = {highest, cell};
    }
};

}  // namespace aepose
