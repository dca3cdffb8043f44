// The passes over whole maps, block by block; what takes the time of decoding.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "numeric.hpp"

// Where the loader can choose by the machine, these loops are compiled for wider vectors too. Without
// contraction of products and sums the width changes no result.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define AEPOSE_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define AEPOSE_CLONES
#endif

namespace aepose {

// Maps are looked at in blocks of cells that follow each other in row order. What is known of a block
// (its highest value, the range of its tags) spares looking at most cells.
constexpr std::int64_t block_size = 64;

constexpr float infinity = std::numeric_limits<float>::infinity();

// The order of floats as the order of integers: extremes of integers are found side by side, those of
// floats one after another, for fear of NaN. Infinity and NaN come after all finite values, -infinity
// and the other NaN before them.
inline std::int32_t to_order(float value) {
    std::int32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

inline float from_order(std::int32_t order) {
    order ^= (order >> 31) & 0x7FFFFFFF;
    float value;
    std::memcpy(&value, &order, sizeof value);
    return value;
}

// Write the lowest and the highest value of each block of a map whose cells are `step` apart; return
// whether all values are finite.
template <bool dense>
inline bool scan(const float* x, std::int64_t cells, std::ptrdiff_t step, float* lowest,
                 float* highest) {
    if (dense) step = 1;
    constexpr auto least = std::numeric_limits<std::int32_t>::min();
    constexpr auto most = std::numeric_limits<std::int32_t>::max();
    std::int32_t low_of_all = most, high_of_all = least;
    for (std::int64_t start = 0; start < cells; start += block_size) {
        const std::int64_t end = std::min(start + block_size, cells);
        std::int32_t low = most, high = least;
        for (std::int64_t i = start; i < end; ++i) {
            const std::int32_t order = to_order(x[i * step]);
            low = order < low ? order : low;
            high = order > high ? order : high;
        }
        *lowest++ = from_order(low);
        *highest++ = from_order(high);
        low_of_all = std::min(low_of_all, low);
        high_of_all = std::max(high_of_all, high);
    }
    return low_of_all > to_order(-infinity) && high_of_all < to_order(infinity);
}

AEPOSE_CLONES inline bool scan_dense(const float* x, std::int64_t cells, float* lowest,
                                     float* highest) {
    return scan<true>(x, cells, 1, lowest, highest);
}

// Add to `squares` the square of the distance from `mean` to the range of each block.
AEPOSE_CLONES inline void add_gaps(const float* low, const float* high, std::int64_t blocks,
                                   float mean, float* squares) {
    for (std::int64_t b = 0; b < blocks; ++b) {
        const float under = low[b] - mean, over = mean - high[b];
        const float outside = under > over ? under : over;
        const float gap = outside > 0 ? outside : 0;
        squares[b] += gap * gap;
    }
}

// Turn squares of tag distances into heat - rounded distance.
AEPOSE_CLONES inline void finish_values(const float* heat, std::int64_t n, float* squares) {
    for (std::int64_t i = 0; i < n; ++i)
        squares[i] = heat[i] - round_half_even(std::sqrt(squares[i]));
}

// Add to `squares` the square of the distance from `mean` to each of n tags.
AEPOSE_CLONES inline void add_squares(const float* tag, std::int64_t n, std::ptrdiff_t step,
                                      float mean, float* squares) {
    for (std::int64_t i = 0; i < n; ++i) {
        const float distance = tag[i * step] - mean;
        squares[i] += distance * distance;
    }
}

}  // namespace aepose
