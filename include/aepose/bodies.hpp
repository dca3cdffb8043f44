// The loops that take the time of decoding, for any instruction set; see loops.hpp.
//
// A loop says which sums are made in which order, and products are rounded before they are added: so
// that all instruction sets give the same bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#ifdef __FAST_MATH__
#error "aepose: -ffast-math changes results; leave it out"
#endif

#if defined(__GNUC__)
#define AEPOSE_INLINE inline __attribute__((always_inline))
// Lanes go between functions that are always inlined: there is no ABI to be told of. GCC tells of it
// at the end of a file, so that the note cannot be switched on again here.
#pragma GCC diagnostic ignored "-Wpsabi"
#else
#define AEPOSE_INLINE inline
#endif

namespace aepose {

// Maps are looked at in square tiles. What is known of a tile (its highest value, the range of its
// tags) spares looking at most cells.
constexpr std::int64_t tile_side = 8;
constexpr std::int64_t tile_cells = tile_side * tile_side;
// Tiles are bounded in groups of so many; lists of tiles are filled up to whole groups.
constexpr std::int64_t group_size = 64;

constexpr float infinity = std::numeric_limits<float>::infinity();

// A map of (H, W) floats, `step` apart, without gaps between rows.
struct Plane {
    const float* data;
    std::int64_t height, width;
    std::ptrdiff_t step;

    const float* row(std::int64_t y) const { return data + y * width * step; }
    std::int64_t across() const { return (width + tile_side - 1) / tile_side; }  // tiles in a row
    std::int64_t tiles() const { return across() * ((height + tile_side - 1) / tile_side); }
};

namespace bodies {  // of the loops, to be compiled once per instruction set

AEPOSE_INLINE float higher(float a, float b) { return a > b ? a : b; }
AEPOSE_INLINE float lower(float a, float b) { return a < b ? a : b; }

// n floats that are computed with side by side; one is a plain float.
template <int n>
struct Lanes {
#if defined(__GNUC__)
    typedef float Type __attribute__((vector_size(n * sizeof(float))));
#endif
};
template <>
struct Lanes<1> {
    using Type = float;
};

template <class V>
AEPOSE_INLINE V load(const float* from) {
    V value;
    std::memcpy(&value, from, sizeof value);
    return value;
}
template <class V>
AEPOSE_INLINE void store(const V& value, float* to) {
    std::memcpy(to, &value, sizeof value);
}
template <class V>
AEPOSE_INLINE V lowest_lanes(const V& a, const V& b) {
    return a < b ? a : b;
}
template <class V>
AEPOSE_INLINE V highest_lanes(const V& a, const V& b) {
    return a > b ? a : b;
}

constexpr std::int64_t chunk = 64;  // columns that are reduced together

// Reduce the columns of up to eight rows, `apart` from each other, to their extremes; add all to `sum`.
template <bool with_low>
AEPOSE_INLINE void reduce_columns(const float* row, std::int64_t n, std::int64_t rows,
                                  std::ptrdiff_t step, std::ptrdiff_t apart, float* low,
                                  float* high, float* sum) {
    for (std::int64_t i = 0; i < n; ++i) {
        float l = infinity, h = -infinity, s = 0;
        for (std::int64_t r = 0; r < rows; ++r) {
            const float value = row[r * apart + i * step];
            if (with_low) l = lower(value, l);
            h = higher(value, h);
            s += value;
        }
        if (with_low) low[i] = l;
        high[i] = h;
        sum[i] += s;
    }
}

// The same for `chunk` columns of eight rows, in lanes; adds to `sum` all that is there.
template <int n, bool with_low>
AEPOSE_INLINE void reduce_tiles(const float* row, std::ptrdiff_t width, float* low, float* high,
                                typename Lanes<n>::Type& sum) {
    using V = typename Lanes<n>::Type;
    for (std::int64_t i = 0; i < chunk; i += n) {
        V l = load<V>(row + i), h = l, s = l;
        for (std::int64_t r = 1; r < tile_side; ++r) {
            const V value = load<V>(row + r * width + i);
            if (with_low) l = lowest_lanes(value, l);
            h = highest_lanes(value, h);
            s += value;
        }
        if (with_low) store(l, low + i);
        store(h, high + i);
        sum += s;
    }
}

// Write the extremes of each eight of `chunk` values.
template <float (*choose)(float, float)>
AEPOSE_INLINE void reduce_eights(const float* from, float* to) {
    float half[chunk / 2], quarter[chunk / 4];
    for (int i = 0; i < chunk / 2; ++i) half[i] = choose(from[2 * i], from[2 * i + 1]);
    for (int i = 0; i < chunk / 4; ++i) quarter[i] = choose(half[2 * i], half[2 * i + 1]);
    for (int i = 0; i < chunk / 8; ++i) to[i] = choose(quarter[2 * i], quarter[2 * i + 1]);
}

AEPOSE_INLINE bool all_finite(const float* values, std::int64_t n, std::ptrdiff_t step) {
    int odd = 0;
    for (std::int64_t i = 0; i < n; ++i) odd |= !(values[i * step] - values[i * step] == 0);
    return !odd;
}

// Begin to read `chunk` columns of eight rows that follow each other in memory.
AEPOSE_INLINE void prefetch(const float* from) {
#if defined(__GNUC__)
    constexpr std::int64_t line = 16;  // floats
    for (std::int64_t i = 0; i < chunk * tile_side; i += line)
        __builtin_prefetch(from + i, 0, 2);
#else
    (void)from;
#endif
}

// Write the highest value of each tile, and the lowest if asked for; return whether all values are
// finite. Extremes of a map with others are of no use.
template <int n, bool with_low, bool dense>
AEPOSE_INLINE bool scan_map(const Plane& map, float* lowest, float* highest) {
    const std::ptrdiff_t step = dense ? 1 : map.step, apart = map.width * step;
    constexpr std::int64_t whole = chunk / tile_side;
    typename Lanes<n>::Type sums = {};
    float low[chunk], high[chunk], sum[chunk] = {}, few[whole];
    for (std::int64_t y = 0; y < map.height; y += tile_side) {
        const std::int64_t rows = std::min(tile_side, map.height - y);
        std::int64_t x = 0;
        if (dense && n > 1 && rows == tile_side)
            for (; x + chunk <= map.width; x += chunk, highest += whole) {
                // Eight rows at once are too many streams for processors to foresee: what comes
                // after the next rows is asked for in one.
                prefetch(map.row(y + 2 * tile_side) + x * tile_side);
                reduce_tiles<n, with_low>(map.row(y) + x, map.width, low, high, sums);
                reduce_eights<higher>(high, highest);
                if (!with_low) continue;
                reduce_eights<lower>(low, lowest);
                lowest += whole;
            }
        for (; x < map.width; x += chunk) {
            const std::int64_t columns = std::min(chunk, map.width - x);
            const std::int64_t tiles = (columns + tile_side - 1) / tile_side;
            const float* row = map.row(y) + x * step;
            if (columns == chunk && rows == tile_side)  // loops of known lengths
                reduce_columns<with_low>(row, chunk, tile_side, step, apart, low, high, sum);
            else
                reduce_columns<with_low>(row, columns, rows, step, apart, low, high, sum);
            std::fill(high + columns, high + chunk, -infinity);
            reduce_eights<higher>(high, few);
            highest = std::copy_n(few, tiles, highest);
            if (!with_low) continue;
            std::fill(low + columns, low + chunk, infinity);
            reduce_eights<lower>(low, few);
            lowest = std::copy_n(few, tiles, lowest);
        }
    }
    // A finite sum has finite parts; another one may have overflown.
    float lanes[n];
    store(sums, lanes);
    return (all_finite(sum, chunk, 1) && all_finite(lanes, n, 1)) ||
           all_finite(map.data, map.height * map.width, step);
}

template <int n>
AEPOSE_INLINE bool scan_high(const Plane& map, float* highest) {
    return map.step == 1 ? scan_map<n, false, true>(map, nullptr, highest)
                         : scan_map<n, false, false>(map, nullptr, highest);
}

template <int n>
AEPOSE_INLINE bool scan_range(const Plane& map, float* lowest, float* highest) {
    return map.step == 1 ? scan_map<n, true, true>(map, lowest, highest)
                         : scan_map<n, true, false>(map, lowest, highest);
}

// The highest of values in lanes.
template <class V>
AEPOSE_INLINE float highest_of(const V& values) {
    float lane[sizeof(V) / sizeof(float)];
    store(values, lane);
    float highest = lane[0];
    for (const float value : lane) highest = higher(value, highest);
    return highest;
}

// Round values that are not negative to the nearest integers, halves to even. Above 2^23 a float has no
// fraction; adding 2^23 to one below drops it, in plain additions that every machine has lanes for.
template <class V>
AEPOSE_INLINE V round_half_even(const V& values) {
    constexpr float whole = 8388608.0F;
    const V rounded = (values + whole) - whole;
    return values < whole ? rounded : values;
}

template <class V>
AEPOSE_INLINE V square_root(const V& values) {
    V roots = values;
    for (std::size_t i = 0; i < sizeof roots / sizeof(float); ++i) roots[i] = std::sqrt(roots[i]);
    return roots;
}
AEPOSE_INLINE float square_root(const float& value) { return std::sqrt(value); }

// heat - rounded square root
template <class V>
AEPOSE_INLINE V fit(const V& heat, const V& squares) {
    return heat - round_half_even(square_root(squares));
}

// Of the tile that begins at `cell`, write the values of cells that no direct neighbour exceeds, for
// others -infinity; return the highest. The tile is whole and lies inside the map.
template <int n>
AEPOSE_INLINE float keep_maxima(const float* cell, std::ptrdiff_t width, float* kept) {
    using V = typename Lanes<n>::Type;
    const V none = V{} - infinity;
    V highest = none;
    for (std::int64_t y = 0; y < tile_side; ++y, cell += width, kept += tile_side)
        for (std::int64_t x = 0; x < tile_side; x += n) {
            const V value = load<V>(cell + x);
            const V beside = highest_lanes(load<V>(cell + x - 1), load<V>(cell + x + 1));
            const V above = highest_lanes(load<V>(cell + x - width), load<V>(cell + x + width));
            const V found = value >= highest_lanes(beside, above) ? value : none;
            store(found, kept + x);
            highest = highest_lanes(found, highest);
        }
    return highest_of(highest);
}

// Write for each tile a bound that no cell of it exceeds in (heat - rounded distance of its tags to
// `mean`), and the highest one of each group. Rounding keeps order, so the bound holds for rounded
// values too. low, high: of the tags, `channels` times `groups` groups
template <int n>
AEPOSE_INLINE void bound_tiles(const float* heat, const float* low, const float* high,
                               std::int64_t groups, std::int64_t channels, const float* mean,
                               float* bound, float* of_group) {
    using V = typename Lanes<n>::Type;
    const std::int64_t tiles = groups * group_size;
    for (std::int64_t start = 0; start < tiles; start += group_size) {
        V highest = V{} - infinity;
        for (std::int64_t i = start; i < start + group_size; i += n) {
            V squares = {};
            for (std::int64_t c = 0; c < channels; ++c) {
                const V under = load<V>(low + c * tiles + i) - mean[c];
                const V over = mean[c] - load<V>(high + c * tiles + i);
                const V gap = highest_lanes(highest_lanes(under, over), V{});
                squares += gap * gap;
            }
            const V value = fit(load<V>(heat + i), squares);
            store(value, bound + i);
            highest = highest_lanes(value, highest);
        }
        of_group[start / group_size] = highest_of(highest);
    }
}

// What describes a search in the tags of one keypoint.
struct Search {
    std::ptrdiff_t width, step, channel_stride;  // of the map; floats between cells, between channels
    std::int64_t channels;
    const float* mean;
};

// Write heat - rounded distance of the tags to the mean for the (rows, columns) cells of a tile, row
// after row of eight; return the highest. heat, tag: the first cell
template <int n>
AEPOSE_INLINE float fit_cells(const Search& search, const float* heat, const float* tag,
                              std::int64_t rows, std::int64_t columns, float* value) {
    using V = typename Lanes<n>::Type;
    const std::ptrdiff_t step = n > 1 ? 1 : search.step;
    V highest = V{} - infinity;
    for (std::int64_t y = 0; y < rows; ++y)
        for (std::int64_t x = 0; x < columns; x += n) {
            const std::ptrdiff_t cell = y * search.width + x;
            V squares = {};
            for (std::int64_t c = 0; c < search.channels; ++c) {
                const V distance =
                    load<V>(tag + c * search.channel_stride + cell * step) - search.mean[c];
                squares += distance * distance;
            }
            const V found = fit(load<V>(heat + cell), squares);
            store(found, value + y * tile_side + x);
            highest = highest_lanes(found, highest);
        }
    return highest_of(highest);
}

// The same for any tile: one that is not whole, or whose tags lie apart, goes cell by cell.
template <int n>
AEPOSE_INLINE float fit_tile(const Search& search, const float* heat, const float* tag,
                             std::int64_t rows, std::int64_t columns, float* value) {
    if (rows == tile_side && columns == tile_side && search.step == 1)
        return fit_cells<n>(search, heat, tag, tile_side, tile_side, value);
    return fit_cells<1>(search, heat, tag, rows, columns, value);
}

// What is left of x * x - rounded: nothing, unless the compiler fused product and sum.
AEPOSE_INLINE float contraction(float x, float rounded) { return x * x - rounded; }

}  // namespace bodies

}  // namespace aepose
