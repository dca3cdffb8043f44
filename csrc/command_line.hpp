// What the example programs share: options of decoding as text, and people as lines.
#pragma once

#include <aepose/decode.hpp>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

// The numbers of a text such as "2, 0, 1" or "2,0,1,".
inline std::vector<std::int64_t> numbers_in(const std::string& text) {
    std::vector<std::int64_t> numbers;
    for (std::size_t at = text.find_first_of("0123456789"); at != std::string::npos;) {
        std::size_t length = 0;
        numbers.push_back(std::stoll(text.substr(at), &length));
        at = text.find_first_of("0123456789", at + length);
    }
    return numbers;
}

inline bool yes_or_no(const std::string& value) {
    if (value != "0" && value != "1") throw std::invalid_argument("expected 0 or 1");
    return value == "1";
}

inline aepose::Convention convention_of(const std::string& value) {
    if (value != "classic" && value != "udp")
        throw std::invalid_argument("expected classic or udp");
    return value == "udp" ? aepose::Convention::udp : aepose::Convention::classic;
}

inline aepose::Subpixel subpixel_of(const std::string& value) {
    if (value == "quarter") return aepose::Subpixel::quarter;
    if (value == "newton") return aepose::Subpixel::newton;
    throw std::invalid_argument("expected quarter or newton");
}

inline void set(aepose::Options& options, const std::string& name, const std::string& value) {
    if (name == "max_num_people") options.max_num_people = std::stoll(value);
    else if (name == "nms_kernel") options.nms_kernel = std::stoll(value);
    else if (name == "detection_threshold") options.detection_threshold = std::stod(value);
    else if (name == "tag_threshold") options.tag_threshold = std::stod(value);
    else if (name == "use_detection_val") options.use_detection_val = yes_or_no(value);
    else if (name == "ignore_too_much") options.ignore_too_much = yes_or_no(value);
    else if (name == "first_people_only") options.first_people_only = yes_or_no(value);
    else if (name == "adjust") options.adjust = yes_or_no(value);
    else if (name == "refine") options.refine = yes_or_no(value);
    else if (name == "convention") options.convention = convention_of(value);
    else if (name == "subpixel") options.subpixel = subpixel_of(value);
    else if (name == "grouping_order") options.grouping_order = numbers_in(value);
    else if (name == "threads") options.threads = std::stoll(value);
    else if (name == "instructions") options.instructions = value;
    else throw std::invalid_argument("no such option");
}

// Options such as "max_num_people=20" or "convention=udp".
inline aepose::Options options_of(const std::vector<std::string>& arguments) {
    aepose::Options options;
    for (const std::string& argument : arguments) {
        const std::size_t sign = argument.find('=');
        if (sign == std::string::npos)
            throw std::invalid_argument(argument + ": expected option=value");
        try {
            set(options, argument.substr(0, sign), argument.substr(sign + 1));
        } catch (const std::logic_error& error) {
            throw std::invalid_argument(argument + ": " + error.what());
        }
    }
    return options;
}

// A line per person with the score, then one per keypoint: x, y, score, found, tags.
inline void print(const aepose::People& people) {
    for (std::int64_t p = 0; p < people.size(); ++p) {
        std::printf("person %.9g\n", people.scores[p]);  // nine digits tell all floats apart
        for (std::int64_t k = 0; k < people.keypoints; ++k) {
            const float* joint = people.joint(p, k);
            std::printf("%.9g %.9g %.9g %d", joint[0], joint[1], joint[2],
                        people.found[p * people.keypoints + k]);
            for (std::int64_t c = 0; c < people.channels; ++c) std::printf(" %.9g", joint[3 + c]);
            std::printf("\n");
        }
    }
}
