// From the maps of an Associative Embedding network to people, in plain C++17: the library's entry.
//
// The results are, to the bit, those of aepose's AssociativeEmbeddingCodec in Python. Compile without
// -ffast-math and with -ffp-contract=off (the CMake target aepose::aepose brings it along).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "locate.hpp"
#include "maps.hpp"
#include "matching.hpp"

namespace aepose {

// What pixel positions mean. Classic: cell i covers [i, i + 1). UDP: cell i is the point i.
enum class Convention { classic, udp };

// How positions between cells are found: a quarter cell towards the higher neighbours, or one Newton step
// on the logarithm of the heatmap; `usual` is quarter for classic maps, newton for UDP.
enum class Subpixel { usual, quarter, newton };

// The codec's options, with its defaults; all but `reach`.
struct Options {
    std::int64_t max_num_people = 30;  // M, candidates per keypoint; limits people with ignore_too_much
    std::int64_t nms_kernel = 5;       // side of the window in which a peak is the maximum; odd
    double detection_threshold = 0.1;  // least heatmap value of a candidate
    double tag_threshold = 1.0;        // largest tag distance at which a candidate joins a person
    bool use_detection_val = true;     // heatmap values break ties of rounded tag distances
    bool ignore_too_much = false;      // keep at most M people
    bool first_people_only = false;    // offer candidates to the first M people alone
    bool adjust = true;                // positions between cells
    bool refine = true;                // fill in missing keypoints
    Convention convention = Convention::classic;
    Subpixel subpixel = Subpixel::usual;
    std::vector<std::int64_t> grouping_order;  // of all keypoints; empty: 0, 1, 2, …
    std::int64_t threads = 1;                  // that share the keypoints; results do not depend on it
    std::string instructions;                  // "avx512", "avx2", …; empty: the best there is
};

// The people of a picture, in order of creation.
struct People {
    std::int64_t keypoints = 0, channels = 0;  // K, L
    std::vector<float> poses;   // (P, K, 3 + L): x, y (map cells), score, tags; 0 where missing
    std::vector<float> scores;  // (P): the mean score of the keypoints that were seen, over all K
    std::vector<char> found;    // (P, K): 0 for keypoints that were filled in or are missing

    std::int64_t size() const { return static_cast<std::int64_t>(scores.size()); }
    float* joint(std::int64_t person, std::int64_t keypoint) {
        return poses.data() + (person * keypoints + keypoint) * (3 + channels);
    }
    const float* joint(std::int64_t person, std::int64_t keypoint) const {
        return poses.data() + (person * keypoints + keypoint) * (3 + channels);
    }
};

// Heatmaps that lie in memory as (K, H, W).
inline Heatmaps dense_heatmaps(const float* data, std::int64_t keypoints, std::int64_t height,
                               std::int64_t width) {
    return {data, keypoints, height, width, height * width};
}

// Tags that lie in memory as (L, K, H, W), which is fastest; K is 1 where one map serves all keypoints.
inline Tags planar_tags(const float* data, std::int64_t channels, std::int64_t keypoints,
                        std::int64_t height, std::int64_t width) {
    return {data, keypoints, channels, height * width, 1, keypoints * height * width};
}

// Tags that lie in memory as (K, H, W, L).
inline Tags interleaved_tags(const float* data, std::int64_t keypoints, std::int64_t height,
                             std::int64_t width, std::int64_t channels) {
    return {data, keypoints, channels, height * width * channels, channels, 1};
}

namespace stages {

inline void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument(message);
}

inline void check(const Heatmaps& heat, const Tags& tags, const Options& options) {
    require(heat.data && heat.count > 0 && heat.height > 0 && heat.width > 0,
            "heatmaps: expected (K, H, W), none of them 0");
    require(tags.data && tags.channels > 0 && (tags.count == 1 || tags.count == heat.count),
            "tags: expected K or 1 maps with at least one channel");
    require(options.max_num_people >= 1 && options.max_num_people <= heat.cells(),
            "max_num_people: expected 1 to the number of cells of a map");
    require(options.nms_kernel >= 1 && options.nms_kernel % 2 == 1, "nms_kernel: expected an odd number");
    require(options.detection_threshold >= 0, "detection_threshold: expected at least 0");
    require(options.tag_threshold >= 0, "tag_threshold: expected at least 0");
    require(options.threads >= 1, "threads: expected at least 1");
    std::vector<char> visited(heat.count);
    for (const std::int64_t k : options.grouping_order) {
        require(k >= 0 && k < heat.count && !visited[k], "grouping_order: expected a permutation");
        visited[k] = 1;
    }
    require(options.grouping_order.empty() ||
                static_cast<std::int64_t>(options.grouping_order.size()) == heat.count,
            "grouping_order: expected all keypoints");
}

inline void require_finite(float tag) {
    require(tag - tag == 0, "tags: NaN or infinite values; the network's output is broken");
}

// The float t such that x > t is x > value for every float x.
inline float float_threshold(double value) {
    constexpr float most = std::numeric_limits<float>::max();
    if (value > most) return std::isinf(value) ? infinity : most;
    const float rounded = static_cast<float>(value);
    return rounded > value ? std::nextafter(rounded, -infinity) : rounded;
}

// Write the `most` best candidates of each keypoint, highest first: xy (K, M, 2), score (K, M), tag
// (K, M, L); 0 behind the last one.
inline void find_candidates(Maps& maps, std::int64_t most, std::int64_t kernel, float threshold,
                            std::int32_t* xy, float* score, float* tag) {
    const Heatmaps& heat = maps.heatmaps();
    const Tags& tags = maps.tags();
    const std::int64_t all = heat.count * most;
    std::fill_n(xy, 2 * all, 0);
    std::fill_n(score, all, 0.0F);
    std::fill_n(tag, all * tags.channels, 0.0F);
    std::vector<std::int64_t> cell(all);
    maps.top(most, kernel, threshold, score, cell.data());
    for (std::int64_t i = 0; i < all; ++i) {
        if (!(score[i] > 0)) continue;
        xy[2 * i] = static_cast<std::int32_t>(cell[i] % heat.width);
        xy[2 * i + 1] = static_cast<std::int32_t>(cell[i] / heat.width);
        for (std::int64_t c = 0; c < tags.channels; ++c)
            require_finite(tag[i * tags.channels + c] = tags.at(i / most, cell[i], c));
    }
}

// Find candidates and group them; return (P, K, 3 + L) people.
inline std::vector<float> group(Maps& maps, const Options& options) {
    const Heatmaps& heat = maps.heatmaps();
    const Tags& tags = maps.tags();
    const std::int64_t most = options.max_num_people, all = heat.count * most;
    std::vector<std::int32_t> xy(2 * all);
    std::vector<float> score(all), tag(all * tags.channels);
    find_candidates(maps, most, options.nms_kernel, float_threshold(options.detection_threshold),
                    xy.data(), score.data(), tag.data());
    std::vector<std::int64_t> order = options.grouping_order;
    if (order.empty()) {
        order.resize(heat.count);
        std::iota(order.begin(), order.end(), 0);
    }
    constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();
    const std::int64_t limit = options.ignore_too_much ? most : unlimited;
    Matcher matcher({xy.data(), score.data(), tag.data(), heat.count, most, tags.channels},
                    {options.detection_threshold, options.tag_threshold, options.use_detection_val,
                     options.first_people_only ? most : limit, limit});
    for (const std::int64_t k : order) matcher.visit(k);
    std::vector<float> poses(matcher.num_people() * heat.count * (3 + tags.channels));
    matcher.write(poses.data());
    return poses;
}

// Move keypoints with a score by a quarter cell towards the higher neighbours, and by `offset`.
inline void adjust(People& people, const Heatmaps& heat, float offset) {
    for (std::int64_t p = 0; p < people.size(); ++p)
        for (std::int64_t k = 0; k < people.keypoints; ++k) {
            float step[2], *joint = people.joint(p, k);
            if (!(joint[2] > 0)) continue;
            quarter_steps(heat, k, cell_of(joint[0], heat.width), cell_of(joint[1], heat.height), step);
            joint[0] += step[0] + offset;
            joint[1] += step[1] + offset;
        }
}

// Move all keypoints, those without a score too, by one Newton step.
inline void newton_step(People& people, const Heatmaps& heat) {
    const NewtonStep newton(heat);
    for (std::int64_t p = 0; p < people.size(); ++p)
        for (std::int64_t k = 0; k < people.keypoints; ++k) newton.move(k, people.joint(p, k));
}

// Move keypoints with a score by a Newton step, half a cell at most, and by `offset`.
inline void step_in_cells(People& people, const Heatmaps& heat, float offset) {
    const NewtonStep newton(heat);
    for (std::int64_t p = 0; p < people.size(); ++p)
        for (std::int64_t k = 0; k < people.keypoints; ++k) {
            float* joint = people.joint(p, k);
            if (!(joint[2] > 0)) continue;
            float moved[2] = {joint[0], joint[1]};
            newton.move(k, moved);
            for (int i = 0; i < 2; ++i)
                joint[i] += std::min(std::max(moved[i] - joint[i], -0.5F), 0.5F) + offset;
        }
}

// Fill in missing keypoints where the tags fit best to the mean of those under a person's keypoints.
inline void refine(People& people, Maps& maps, double offset) {
    const Heatmaps& heat = maps.heatmaps();
    const Tags& tags = maps.tags();
    std::vector<std::int64_t> person, keypoint;
    std::vector<float> mean, met;
    for (std::int64_t p = 0; p < people.size(); ++p) {
        met.clear();
        for (std::int64_t k = 0; k < people.keypoints; ++k) {
            const float* joint = people.joint(p, k);
            if (!(joint[2] > 0)) continue;
            const std::int64_t cell = cell_of(joint[1], heat.height) * heat.width +
                                      cell_of(joint[0], heat.width);
            for (std::int64_t c = 0; c < tags.channels; ++c) met.push_back(tags.at(k, cell, c));
        }
        for (const float tag : met) require_finite(tag);
        if (met.empty()) continue;
        std::vector<float> mean_tag(tags.channels);
        mean_of_rows(met.data(), met.size() / tags.channels, tags.channels, mean_tag.data());
        for (std::int64_t k = 0; k < people.keypoints; ++k) {
            if (people.joint(p, k)[2] != 0) continue;
            person.push_back(p);
            keypoint.push_back(k);
            mean.insert(mean.end(), mean_tag.begin(), mean_tag.end());
        }
    }
    std::vector<std::int64_t> best(person.size());
    maps.best_cells(keypoint.data(), mean.data(), best.size(), best.data());
    for (std::size_t i = 0; i < best.size(); ++i) {
        const std::int64_t x = best[i] % heat.width, y = best[i] / heat.width;
        const float score = heat.plane(keypoint[i])[best[i]];
        if (!(score > 0)) continue;
        float step[2], *joint = people.joint(person[i], keypoint[i]);
        quarter_steps(heat, keypoint[i], x, y, step);
        joint[0] = static_cast<float>(static_cast<double>(x) + step[0] + offset);
        joint[1] = static_cast<float>(static_cast<double>(y) + step[1] + offset);
        joint[2] = score;
    }
}

}  // namespace stages

// Find the people of one picture, in map cells. The maps stay as they are.
//
// Throws std::invalid_argument for maps and options that do not fit, for values that are not finite
// (in heatmaps always, in tags under a candidate and in the whole map of a keypoint that is searched)
// and for tag distances that lead to costs beyond 1e18; std::logic_error where the compiler was allowed
// to fuse products and sums.
inline People decode(const Heatmaps& heatmaps, const Tags& tags, const Options& options = {}) {
    stages::check(heatmaps, tags, options);
    Maps maps(heatmaps, tags, loops_for(options.instructions), options.threads);
    People people{heatmaps.count, tags.channels, stages::group(maps, options), {}, {}};
    const std::int64_t numbers = 3 + tags.channels;
    people.scores.resize(people.poses.size() / (heatmaps.count * numbers));
    const bool udp = options.convention == Convention::udp;
    const float offset = udp ? 0.0F : 0.5F;  // from the position of a cell to its centre
    if (options.adjust) {
        if (options.subpixel == Subpixel::quarter || (!udp && options.subpixel == Subpixel::usual))
            stages::adjust(people, heatmaps, offset);
        else if (udp)
            stages::newton_step(people, heatmaps);
        else
            stages::step_in_cells(people, heatmaps, offset);
    }
    // The score counts what was seen, so it is taken before missing keypoints are filled in.
    for (std::int64_t p = 0; p < people.size(); ++p) {
        people.scores[p] = pairwise_sum(people.joint(p, 0) + 2, heatmaps.count, numbers) /
                           static_cast<float>(heatmaps.count);
        for (std::int64_t k = 0; k < heatmaps.count; ++k)
            people.found.push_back(people.joint(p, k)[2] > 0);
    }
    if (options.refine) stages::refine(people, maps, offset);
    return people;
}

// The part of a picture that fills the maps, in its pixels: centre and size, x then y.
struct Window {
    double center[2], size[2];
};

// Move people from cells of maps of (height, width) to pixels of the picture.
inline void to_picture(People& people, std::int64_t height, std::int64_t width, const Window& window,
                       Convention convention = Convention::classic) {
    const bool udp = convention == Convention::udp;
    const std::int64_t sides[] = {width, height};
    for (int axis = 0; axis < 2; ++axis) {
        const std::int64_t length = udp ? std::max<std::int64_t>(sides[axis] - 1, 1) : sides[axis];
        const double half = window.size[axis] * 0.5, center = window.center[axis];
        const float step = static_cast<float>(window.size[axis] / static_cast<double>(length));
        // In float32, and in each convention's own order, as the published coordinates were computed.
        const float start = static_cast<float>(udp ? center - half : half);
        for (std::int64_t p = 0; p < people.size(); ++p)
            for (std::int64_t k = 0; k < people.keypoints; ++k) {
                float& value = people.joint(p, k)[axis];
                value = udp ? value * step + start : value * step + static_cast<float>(center) - start;
            }
    }
}

}  // namespace aepose
