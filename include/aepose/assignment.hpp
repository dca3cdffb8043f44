// The assignment problem, with the choice among equal solutions that published poses were made with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace aepose {

// The package munkres, which serves without this core, does not end for differences above 9.2e18.
constexpr double largest_cost = 1e18;

// The method of Kuhn and Munkres on a square matrix, which smaller ones are filled up to with zeros.
// The order in which zeros are looked for (see find_zero) decides among equal assignments.
class Assignment {
  public:
    // Return the column of each of the rows, -1 for none (there are more rows than columns).
    std::vector<std::int64_t> solve(const double* cost, std::int64_t rows, std::int64_t columns) {
        fill(cost, rows, columns);
        star_greedily();
        while (cover_stars() < n_) prime_and_augment();
        std::vector<std::int64_t> column_of(star_in_row_.begin(), star_in_row_.begin() + rows);
        for (std::int64_t& column : column_of)
            if (column >= columns) column = -1;
        return column_of;
    }

  private:
    using Word = std::uint64_t;
    static constexpr std::int64_t word_bits = 64;

    std::int64_t n_ = 0, words_ = 0;
    std::vector<double> cost_;
    std::vector<Word> zeros_;  // a bit per cell of the matrix, rows start at a word
    std::vector<Word> open_;   // a bit per column that is not covered
    std::vector<char> row_covered_;
    std::vector<std::int64_t> star_in_row_, star_in_column_, prime_in_row_;

    void fill(const double* cost, std::int64_t rows, std::int64_t columns) {
        for (std::int64_t i = 0; i < rows * columns; ++i)
            if (!(cost[i] >= -largest_cost && cost[i] <= largest_cost))
                throw std::invalid_argument("cost: NaN or infinite values, or beyond 1e18");
        n_ = std::max(rows, columns);
        words_ = (n_ + word_bits - 1) / word_bits;
        cost_.assign(n_ * n_, 0);
        zeros_.assign(n_ * words_, 0);
        for (std::int64_t i = 0; i < n_; ++i) {
            double* row = cost_.data() + i * n_;
            if (i < rows) std::copy_n(cost + i * columns, columns, row);
            const double least = *std::min_element(row, row + n_);
            for (std::int64_t j = 0; j < n_; ++j) row[j] -= least;
            note_zeros(i);
        }
        star_in_row_.assign(n_, -1);
        star_in_column_.assign(n_, -1);
    }

    void note_zeros(std::int64_t i) {
        Word* bits = zeros_.data() + i * words_;
        std::fill_n(bits, words_, Word{0});
        for (std::int64_t j = 0; j < n_; ++j)
            bits[j / word_bits] |= Word{cost_[i * n_ + j] == 0} << (j % word_bits);
    }

    bool is_open(std::int64_t j) const { return open_[j / word_bits] >> (j % word_bits) & 1; }
    void set_open(std::int64_t j, bool open) {
        const Word bit = Word{1} << (j % word_bits);
        open_[j / word_bits] = open ? open_[j / word_bits] | bit : open_[j / word_bits] & ~bit;
    }

    void star_greedily() {
        for (std::int64_t i = 0; i < n_; ++i)
            for (std::int64_t j = 0; j < n_; ++j)
                if (cost_[i * n_ + j] == 0 && star_in_column_[j] < 0) {
                    star_in_row_[i] = j;
                    star_in_column_[j] = i;
                    break;
                }
    }

    // Cover nothing but the columns with a star; return how many they are.
    std::int64_t cover_stars() {
        row_covered_.assign(n_, 0);
        prime_in_row_.assign(n_, -1);
        open_.assign(words_, 0);
        std::int64_t stars = 0;
        for (std::int64_t j = 0; j < n_; ++j) {
            set_open(j, star_in_column_[j] < 0);
            stars += star_in_column_[j] >= 0;
        }
        return stars;
    }

    // Prime zeros until one is found in a row without a star; make one more star of that.
    void prime_and_augment() {
        std::int64_t row = 0, column = 0;
        while (true) {
            if (!find_zero(row, column)) {
                open_a_zero();
                row = column = 0;
                continue;
            }
            prime_in_row_[row] = column;
            const std::int64_t star = star_in_row_[row];
            if (star < 0) break;
            row_covered_[row] = 1;
            set_open(star, true);
            column = star;  // where the next search starts
        }
        // Along the path of primes and stars, primes become stars and stars go.
        while (row >= 0) {
            column = prime_in_row_[row];
            const std::int64_t next = star_in_column_[column];
            star_in_row_[row] = column;
            star_in_column_[column] = row;
            row = next;
        }
    }

    // Move (row, column) to an uncovered zero: that of the first row that has any, from `row` on and
    // around; in it the last one from `column` on and around.
    bool find_zero(std::int64_t& row, std::int64_t& column) const {
        for (std::int64_t step = 0, i = row; step < n_; ++step, i = i + 1 == n_ ? 0 : i + 1) {
            if (row_covered_[i]) continue;
            std::int64_t found = last_zero(i, column);
            if (found < 0) found = last_zero(i, n_);
            if (found >= 0) {
                row = i;
                column = found;
                return true;
            }
        }
        return false;
    }

    // The last uncovered zero of a row before the column `end`, or -1.
    std::int64_t last_zero(std::int64_t i, std::int64_t end) const {
        const Word* bits = zeros_.data() + i * words_;
        for (std::int64_t w = (end + word_bits - 1) / word_bits - 1; w >= 0; --w) {
            Word found = bits[w] & open_[w];
            const std::int64_t left = end - w * word_bits;
            if (left < word_bits) found &= (Word{1} << left) - 1;
            if (!found) continue;
            std::int64_t bit = 0;
            while (found >>= 1) ++bit;
            return w * word_bits + bit;
        }
        return -1;
    }

    // Make the least uncovered value zero: add it to covered rows, then subtract it from uncovered
    // columns. Cells in both get both, rounding included.
    void open_a_zero() {
        double least = std::numeric_limits<double>::infinity();
        for (std::int64_t i = 0; i < n_; ++i)
            for (std::int64_t j = 0; j < n_ && !row_covered_[i]; ++j)
                if (is_open(j)) least = std::min(least, cost_[i * n_ + j]);
        for (std::int64_t i = 0; i < n_; ++i) {
            for (std::int64_t j = 0; j < n_; ++j) {
                double& value = cost_[i * n_ + j];
                if (row_covered_[i]) value += least;
                if (is_open(j)) value -= least;
            }
            note_zeros(i);
        }
    }
};

}  // namespace aepose
