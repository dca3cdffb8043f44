// Sums that agree with NumPy to the last bit.
#pragma once

#include <cstdint>

namespace aepose {

// The sum of n values, a stride apart, in the order of additions that NumPy uses along the innermost
// axis: up to seven one after another, up to 128 in eight interleaved sums, more in two halves.
template <class T>
T pairwise_sum(const T* values, std::int64_t n, std::int64_t stride) {
    if (n < 8) {
        T sum = 0;
        for (std::int64_t i = 0; i < n; ++i) sum += values[i * stride];
        return sum;
    }
    if (n > 128) {
        const std::int64_t half = n / 2 - n / 2 % 8;
        return pairwise_sum(values, half, stride) +
               pairwise_sum(values + half * stride, n - half, stride);
    }
    T part[8];
    for (int j = 0; j < 8; ++j) part[j] = values[j * stride];
    std::int64_t i = 8;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; ++j) part[j] += values[(i + j) * stride];
    T sum = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
    for (; i < n; ++i) sum += values[i * stride];
    return sum;
}

// The mean of n rows of numbers, as NumPy computes it along the first axis: several columns are summed
// row by row, a single one pairwise.
inline void mean_of_rows(const float* rows, std::int64_t n, std::int64_t columns, float* mean) {
    for (std::int64_t c = 0; c < columns; ++c) {
        float sum = 0;
        if (columns == 1)
            sum = pairwise_sum(rows, n, 1);
        else
            for (std::int64_t i = 0; i < n; ++i) sum += rows[i * columns + c];
        mean[c] = sum / static_cast<float>(n);
    }
}

}  // namespace aepose
