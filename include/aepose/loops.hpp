// The loops that take the time of decoding, compiled for several instruction sets. Which one serves is
// chosen when the program runs; all give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "bodies.hpp"

namespace aepose {

// The loops of one instruction set; see `bodies`.
struct Loops {
    const char* name;
    bool (*scan_high)(const Plane&, float*);
    bool (*scan_range)(const Plane&, float*, float*);
    float (*keep_maxima)(const float*, std::ptrdiff_t, float*);
    void (*bound_tiles)(const float*, const float*, const float*, std::int64_t, std::int64_t,
                        const float*, float*, float*);
    float (*fit_tile)(const bodies::Search&, const float*, const float*, std::int64_t, std::int64_t,
                      float*);
    float (*contraction)(float, float);
};

// Define `set::loops()` with n floats side by side, compiled with the attributes given.
#define AEPOSE_LOOPS(set, n, attributes)                                                           \
    namespace set {                                                                                \
    attributes inline bool scan_high(const Plane& map, float* highest) {                           \
        return bodies::scan_high<n>(map, highest);                                                 \
    }                                                                                              \
    attributes inline bool scan_range(const Plane& map, float* lowest, float* highest) {           \
        return bodies::scan_range<n>(map, lowest, highest);                                        \
    }                                                                                              \
    attributes inline float keep_maxima(const float* cell, std::ptrdiff_t width, float* kept) {    \
        return bodies::keep_maxima<n>(cell, width, kept);                                          \
    }                                                                                              \
    attributes inline void bound_tiles(const float* heat, const float* low, const float* high,     \
                                       std::int64_t groups, std::int64_t channels,                 \
                                       const float* mean, float* bound, float* of_group) {         \
        bodies::bound_tiles<n>(heat, low, high, groups, channels, mean, bound, of_group);          \
    }                                                                                              \
    attributes inline float fit_tile(const bodies::Search& search, const float* heat,              \
                                     const float* tag, std::int64_t rows, std::int64_t columns,    \
                                     float* value) {                                               \
        return bodies::fit_tile<n>(search, heat, tag, rows, columns, value);                       \
    }                                                                                              \
    attributes inline float contraction(float x, float rounded) {                                  \
        return bodies::contraction(x, rounded);                                                    \
    }                                                                                              \
    inline Loops loops() {                                                                         \
        return {#set, scan_high, scan_range, keep_maxima, bound_tiles, fit_tile, contraction};     \
    }                                                                                              \
    }

AEPOSE_LOOPS(plain, 1, )
#if defined(__GNUC__)
#define AEPOSE_LANES
AEPOSE_LOOPS(baseline, 4, )
#if defined(__x86_64__)
#define AEPOSE_WIDER_LANES
AEPOSE_LOOPS(avx2, 8, __attribute__((target("avx2"))))
AEPOSE_LOOPS(avx512, 8, __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq"))))
#endif
#endif
#undef AEPOSE_LOOPS

// The loops that this processor can run, best first.
inline const std::vector<Loops>& all_loops() {
    static const std::vector<Loops> found = [] {
        std::vector<Loops> loops;
#ifdef AEPOSE_WIDER_LANES
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
            loops.push_back(avx512::loops());
        if (__builtin_cpu_supports("avx2")) loops.push_back(avx2::loops());
#endif
#ifdef AEPOSE_LANES
        loops.push_back(baseline::loops());
#endif
        loops.push_back(plain::loops());
        return loops;
    }();
    return found;
}

// Return the loops of an instruction set ("avx512", "avx2", "baseline", "plain"), the best ones for "". Throws
// std::invalid_argument for a set that this processor or this build lacks, and std::logic_error where
// the compiler was allowed to change results.
inline const Loops& loops_for(const std::string& name) {
    std::string known;
    for (const Loops& loops : all_loops()) {
        known += std::string(known.empty() ? "" : ", ") + loops.name;
        if (!name.empty() && name != loops.name) continue;
        // 1 + 2^-12, and its square as a float.
        volatile float x = 1.000244140625F, rounded = 1.00048828125F;
        if (loops.contraction(x, rounded) != 0)
            throw std::logic_error("aepose: compile with -ffp-contract=off; results change without");
        return loops;
    }
    throw std::invalid_argument("instruction set '" + name + "': not here; there are " + known);
}

}  // namespace aepose
