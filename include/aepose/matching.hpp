// From candidates to people: keypoints whose tags agree belong to one person.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "assignment.hpp"
#include "numeric.hpp"

namespace aepose {

struct Candidates {  // M per keypoint: xy (K, M, 2), score (K, M), tag (K, M, L)
    const std::int32_t* xy;
    const float* score;
    const float* tag;
    std::int64_t keypoints, most, channels;
};

struct MatchOptions {
    double detection_threshold, tag_threshold;
    bool use_detection_val;
    std::int64_t offered, limit;  // people that candidates are offered to, that are returned
};

class Matcher {
  public:
    Matcher(Candidates candidates, MatchOptions options)
        : from_(candidates), options_(options), joint_(3 + candidates.channels) {}

    // Give the candidates of one keypoint to people.
    void visit(std::int64_t keypoint) {
        found_.clear();
        for (std::int64_t m = 0; m < from_.most; ++m)
            if (from_.score[keypoint * from_.most + m] > options_.detection_threshold)
                found_.push_back(keypoint * from_.most + m);
        const std::int64_t known = std::min<std::int64_t>(options_.offered, people_.size());
        find_owners(known);
        for (std::size_t r = 0; r < found_.size(); ++r)
            join(owner_[r] >= 0 ? people_[owner_[r]] : started(found_[r]), keypoint, found_[r]);
    }

    std::int64_t num_people() const {
        return std::min<std::int64_t>(options_.limit, people_.size());
    }

    // Write poses (P, K, 3 + L): x, y, score, tags.
    void write(float* poses) const {
        for (std::int64_t p = 0; p < num_people(); ++p)
            poses = std::copy(people_[p].pose.begin(), people_[p].pose.end(), poses);
    }

  private:
    struct Person {
        float key;  // the first tag that was met
        std::vector<float> pose, tags;
    };

    Candidates from_;
    MatchOptions options_;
    std::int64_t joint_;  // numbers per keypoint
    std::vector<Person> people_;
    std::vector<std::int64_t> found_, owner_;  // candidates above the threshold, and whose they are
    std::vector<double> distance_, cost_, square_;
    std::vector<float> mean_;
    Assignment assignment_;

    void join(Person& person, std::int64_t keypoint, std::int64_t candidate) {
        float* joint = person.pose.data() + keypoint * joint_;
        joint[0] = static_cast<float>(from_.xy[2 * candidate]);
        joint[1] = static_cast<float>(from_.xy[2 * candidate + 1]);
        joint[2] = from_.score[candidate];
        const float* tag = from_.tag + candidate * from_.channels;
        std::copy_n(tag, from_.channels, joint + 3);
        person.tags.insert(person.tags.end(), tag, tag + from_.channels);
    }

    // A person with the very same key is not doubled: it loses its tag history.
    Person& started(std::int64_t candidate) {
        const float key = from_.tag[candidate * from_.channels];
        for (Person& person : people_)
            if (person.key == key) {
                person.tags.clear();
                return person;
            }
        people_.push_back({key, std::vector<float>(from_.keypoints * joint_), {}});
        return people_.back();
    }

    void find_owners(std::int64_t known) {
        const std::int64_t rows = found_.size(), columns = std::max(rows, known);
        owner_.assign(rows, -1);
        if (rows == 0 || known == 0) return;
        find_distances(known);
        constexpr double nobody = 1e10;  // cost of giving a candidate to none of the known people
        cost_.assign(rows * columns, nobody);
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t p = 0; p < known; ++p) {
                const double distance = distance_[r * known + p];
                cost_[r * columns + p] =
                    options_.use_detection_val
                        ? std::nearbyint(distance) * 100 - double{from_.score[found_[r]]}
                        : distance;
            }
        const std::vector<std::int64_t> column_of = assignment_.solve(cost_.data(), rows, columns);
        for (std::int64_t r = 0; r < rows; ++r)
            if (column_of[r] < known &&
                distance_[r * known + column_of[r]] < options_.tag_threshold)
                owner_[r] = column_of[r];
    }

    // Distances, (found, known), of the candidates' tags to the mean tags of people.
    void find_distances(std::int64_t known) {
        const std::int64_t channels = from_.channels;
        mean_.resize(known * channels);
        for (std::int64_t p = 0; p < known; ++p) {
            const std::vector<float>& tags = people_[p].tags;
            mean_of_rows(tags.data(), tags.size() / channels, channels, mean_.data() + p * channels);
        }
        distance_.resize(found_.size() * known);
        square_.resize(channels);
        for (std::size_t r = 0; r < found_.size(); ++r)
            for (std::int64_t p = 0; p < known; ++p) {
                for (std::int64_t c = 0; c < channels; ++c) {
                    const double gap = double{from_.tag[found_[r] * channels + c]} -
                                       double{mean_[p * channels + c]};
                    square_[c] = gap * gap;
                }
                distance_[r * known + p] =
                    std::sqrt(pairwise_sum(square_.data(), channels, 1));
            }
    }
};

}  // namespace aepose
