// Positions between cells: quarter steps (classic convention), or one Newton step (UDP).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "maps.hpp"

namespace aepose {

// The cell of a position along an axis of `size` cells: truncated, kept in the map. Beyond what integers
// hold it is the first, as in NumPy on x86.
inline std::int64_t cell_of(float position, std::int64_t size) {
    if (!(position > 0 && position < 9.2e18F)) return 0;
    return std::min(static_cast<std::int64_t>(position), size - 1);
}

// Steps of a quarter cell in x and y from a cell towards the higher neighbours; equal ones give -0.25.
// At the border the cell itself is its neighbour.
inline void quarter_steps(const Heatmaps& heat, std::int64_t keypoint, std::int64_t x,
                          std::int64_t y, float* step) {
    const float* map = heat.plane(keypoint);
    const std::int64_t right = std::min(x + 1, heat.width - 1), below = std::min(y + 1, heat.height - 1);
    const std::int64_t left = std::max<std::int64_t>(x - 1, 0), above = std::max<std::int64_t>(y - 1, 0);
    step[0] = map[y * heat.width + right] > map[y * heat.width + left] ? 0.25F : -0.25F;
    step[1] = map[below * heat.width + x] > map[above * heat.width + x] ? 0.25F : -0.25F;
}

// The logarithm of a float that is positive and not denormal, to the bit that of NumPy 2.x on the same
// kind of processor: on x86 a quotient of polynomials, elsewhere the library's.
inline float logarithm(float value) {
#if defined(__x86_64__) || defined(_M_X64)
    int exponent;
    float x = std::frexp(value, &exponent);
    if (x <= 0.70710678118654752440F) {
        x += x;
        --exponent;
    }
    x -= 1;
    constexpr float above[] = {2.589979117907922693523e-02F, 3.808837741388407920751e-01F,
                               1.480000633576506585156e+00F, 2.112677543073053063722e+00F,
                               9.999999999999998702752e-01F, 0.0F};
    constexpr float below[] = {5.875095403124574342950e-03F, 1.546476374983906719538e-01F,
                               9.864942958519418960339e-01F, 2.453006071784736363091e+00F,
                               2.612677543073109236779e+00F, 1.0F};
    float numerator = above[0], denominator = below[0];
    for (int i = 1; i < 6; ++i) {
        numerator = std::fma(numerator, x, above[i]);
        denominator = std::fma(denominator, x, below[i]);
    }
    return std::fma(static_cast<float>(exponent), 0.693147180559945309417F,
                    numerator / denominator);
#else
    return std::log(value);
#endif
}

// Move a position by one Newton step on the logarithm of the blurred heatmap (Zhang et al., DARK, CVPR
// 2020; Huang et al., UDP, CVPR 2020).
class NewtonStep {
  public:
    explicit NewtonStep(const Heatmaps& heatmaps) : heat_(heatmaps) {}

    void move(std::int64_t keypoint, float* xy) const {
        float p[3][3];
        find_patch(keypoint, cell_of(xy[0], heat_.width), cell_of(xy[1], heat_.height), p);
        // In float32 and in this order of terms: where a heatmap is almost flat, rounding decides.
        const float center = p[1][1];
        const double x = 0.5F * (p[1][2] - p[1][0]), y = 0.5F * (p[2][1] - p[0][1]);
        const double mixed = 0.5F * (p[2][2] - p[1][2] - p[2][1] + center + center - p[1][0] -
                                     p[0][1] + p[0][0]);
        constexpr double ridge = 1.1920928955078125e-07;  // float32's epsilon
        const double xx = double{p[1][2] - 2 * center + p[1][0]} + ridge;
        const double yy = double{p[2][1] - 2 * center + p[0][1]} + ridge;
        const double determinant = xx * yy - mixed * mixed;
        // Where the ridge just cancels the curvature there is no way to go.
        const double inverse = determinant != 0 ? 1 / determinant : 0;
        xy[0] = static_cast<float>(xy[0] - (yy * x - mixed * y) * inverse);
        xy[1] = static_cast<float>(xy[1] - (xx * y - mixed * x) * inverse);
    }

  private:
    Heatmaps heat_;

    // Of a cell and its neighbours (row of three) the three to blur over. The first stay inside the map;
    // where the others leave it, they come back as in a mirror in the middle of the border cell.
    static void find_neighbours(std::int64_t cell, std::int64_t size, std::int64_t (*reached)[3]) {
        for (std::int64_t i = 0; i < 3; ++i)
            for (std::int64_t j = 0; j < 3; ++j) {
                const std::int64_t middle = std::min(std::max<std::int64_t>(cell + i - 1, 0), size - 1);
                const std::int64_t at = std::abs(middle + j - 1);
                reached[i][j] = std::max<std::int64_t>(0, size - 1 - std::abs(size - 1 - at));
            }
    }

    static float blur(float before, float here, float after) {
        return 0.5F * here + 0.25F * (before + after);
    }

    void find_patch(std::int64_t keypoint, std::int64_t x, std::int64_t y, float (*patch)[3]) const {
        std::int64_t columns[3][3], rows[3][3];
        find_neighbours(x, heat_.width, columns);
        find_neighbours(y, heat_.height, rows);
        for (int i = 0; i < 3; ++i)
            for (int j = 0; j < 3; ++j) {
                float row[3];
                for (int r = 0; r < 3; ++r) {
                    const float* map = heat_.plane(keypoint) + rows[i][r] * heat_.width;
                    row[r] = blur(map[columns[j][0]], map[columns[j][1]], map[columns[j][2]]);
                }
                const float blurred = blur(row[0], row[1], row[2]);
                patch[i][j] = logarithm(std::min(std::max(blurred, 0.001F), 50.0F));
            }
    }
};

}  // namespace aepose
