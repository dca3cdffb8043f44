// Prints the people in maps: decode_maps HEATMAPS.npy TAGS.npy [option=value…]
//
// HEATMAPS: (K, H, W); TAGS: (K, H, W, L) or (1, H, W, L); little-endian float32, as numpy.save writes
// them. Options are those of aepose::Options: max_num_people=20, convention=udp, grouping_order=2,0,1, …
// A line per person with the score, then one per keypoint: x, y (map cells), score, found, tags.
#include "command_line.hpp"

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

}  // namespace

int main(int count, char** arguments) try {
    if (count < 3) {
        std::fprintf(stderr, "decode_maps HEATMAPS.npy TAGS.npy [option=value...]\n");
        return 2;
    }
    const aepose::Options options = options_of({arguments + 3, arguments + count});
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
