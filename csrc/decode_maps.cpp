// Prints the people in maps: decode_maps HEATMAPS.npy TAGS.npy [option=value…]
//
// HEATMAPS: (K, H, W); TAGS: (K, H, W, L) or (1, H, W, L); little-endian float32, as numpy.save writes
// them. Options are those of aepose::Options: max_num_people=20, convention=udp, grouping_order=2,0,1, …
// A line per person with the score, then one per keypoint: x, y (map cells), score, found, tags.
#include <aepose/decode.hpp>

#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Array {
    std::vector<std::int64_t> shape;
    std::vector<float> values;
};

// The numbers of a text such as "2, 0, 1" or "2,0,1,".
std::vector<std::int64_t> numbers_in(const std::string& text) {
    std::vector<std::int64_t> numbers;
    for (std::size_t at = text.find_first_of("0123456789"); at != std::string::npos;) {
        std::size_t length = 0;
        numbers.push_back(std::stoll(text.substr(at), &length));
        at = text.find_first_of("0123456789", at + length);
    }
    return numbers;
}

// Read a file of NumPy's format, version 1 to 3: a magic word, the length of the header, the header (a
// Python dict), the numbers.
Array read_npy(const std::string& path, std::size_t axes) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + ": cannot be read");
    unsigned char start[12] = {};
    file.read(reinterpret_cast<char*>(start), 10);
    if (!file || std::string(start, start + 6) != "\x93NUMPY")
        throw std::runtime_error(path + ": no .npy file");
    std::size_t length = start[8] + 256U * start[9];
    if (start[6] > 1) {
        file.read(reinterpret_cast<char*>(start + 10), 2);
        length += 65536U * start[10] + 16777216U * start[11];
    }
    if (length > 65536) throw std::runtime_error(path + ": no .npy file");
    std::string header(length, ' ');
    file.read(&header[0], static_cast<std::streamsize>(length));
    const std::size_t open = header.find('('), close = header.find(')');
    if (header.find("'<f4'") == std::string::npos || open == std::string::npos ||
        close == std::string::npos || header.find("'fortran_order': False") == std::string::npos)
        throw std::runtime_error(path + ": expected little-endian float32 in C order");
    Array array{numbers_in(header.substr(open, close - open)), {}};
    if (array.shape.size() != axes)
        throw std::runtime_error(path + ": expected " + std::to_string(axes) + " axes");
    std::int64_t count = 1;
    for (const std::int64_t side : array.shape) {
        if (side > 0 && count > (std::int64_t{1} << 40) / side)
            throw std::runtime_error(path + ": too large");
        count *= side;
    }
    array.values.resize(static_cast<std::size_t>(count));
    const auto bytes = static_cast<std::streamsize>(array.values.size() * sizeof(float));
    file.read(reinterpret_cast<char*>(array.values.data()), bytes);
    if (file.gcount() != bytes) throw std::runtime_error(path + ": ends early");
    return array;
}

bool yes_or_no(const std::string& value) {
    if (value != "0" && value != "1") throw std::invalid_argument("expected 0 or 1");
    return value == "1";
}

aepose::Convention convention_of(const std::string& value) {
    if (value != "classic" && value != "udp")
        throw std::invalid_argument("expected classic or udp");
    return value == "udp" ? aepose::Convention::udp : aepose::Convention::classic;
}

void set(aepose::Options& options, const std::string& name, const std::string& value) {
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
    else if (name == "grouping_order") options.grouping_order = numbers_in(value);
    else if (name == "threads") options.threads = std::stoll(value);
    else if (name == "instructions") options.instructions = value;
    else throw std::invalid_argument("no such option");
}

aepose::Options options_of(int count, char** arguments) {
    aepose::Options options;
    for (int i = 0; i < count; ++i) {
        const std::string argument = arguments[i];
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

void print(const aepose::People& people) {
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

}  // namespace

int main(int count, char** arguments) try {
    if (count < 3) {
        std::fprintf(stderr, "decode_maps HEATMAPS.npy TAGS.npy [option=value...]\n");
        return 2;
    }
    const aepose::Options options = options_of(count - 3, arguments + 3);
    const Array heat = read_npy(arguments[1], 3), tags = read_npy(arguments[2], 4);
    if (heat.shape[1] != tags.shape[1] || heat.shape[2] != tags.shape[2])
        throw std::invalid_argument("heatmaps and tags are of different sizes");
    print(aepose::decode(
        aepose::dense_heatmaps(heat.values.data(), heat.shape[0], heat.shape[1], heat.shape[2]),
        aepose::interleaved_tags(tags.values.data(), tags.shape[0], tags.shape[1], tags.shape[2],
                                 tags.shape[3]),
        options));
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "decode_maps: %s\n", error.what());
    return 1;
}
