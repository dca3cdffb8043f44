// Finds people by an exported network, with OpenVINO: find_people MODEL.xml PICTURE.ppm [option=value…]
//
// MODEL.xml: of `aepose export --format openvino`; PICTURE.ppm: binary, in the size of the network's
// input. Options are those of decode_maps, on top of the model's own; so is what is printed, in pixels.
#include "command_line.hpp"

#include <openvino/openvino.hpp>

#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// Read a picture as (1, H, W, 3) uint8 RGB.
ov::Tensor read_ppm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string kind;
    std::size_t width = 0, height = 0, most = 0;
    if (!(file >> kind >> width >> height >> most) || kind != "P6" || most != 255 ||
        width > 65536 || height > 65536)
        throw std::runtime_error(path + ": no binary PPM picture of 8 bits");
    file.get();
    ov::Tensor picture(ov::element::u8, {1, height, width, 3});
    file.read(reinterpret_cast<char*>(picture.data<std::uint8_t>()),
              static_cast<std::streamsize>(picture.get_byte_size()));
    if (!file) throw std::runtime_error(path + ": ends early");
    return picture;
}

// The options of decoding that a model carries, one by one.
std::vector<std::string> own_options(const ov::Model& model) {
    if (!model.has_rt_info("aepose_decode"))
        throw std::runtime_error("the model does not say how its maps are decoded: it was not written "
                                 "by aepose, or has classes or a reach, which C++ has not");
    std::istringstream text(model.get_rt_info<std::string>("aepose_decode"));
    std::vector<std::string> options;
    for (std::string option; text >> option;) options.push_back(option);
    return options;
}

}  // namespace

int main(int count, char** arguments) try {
    if (count < 3) {
        std::fprintf(stderr, "find_people MODEL.xml PICTURE.ppm [option=value...]\n");
        return 2;
    }
    ov::Core core;
    const std::shared_ptr<ov::Model> model = core.read_model(arguments[1]);
    std::vector<std::string> options = own_options(*model);
    options.insert(options.end(), arguments + 3, arguments + count);
    ov::InferRequest request =
        core.compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32))
            .create_infer_request();
    request.set_tensor("image", read_ppm(arguments[2]));
    request.infer();
    const ov::Tensor heat = request.get_tensor("heatmaps"), tags = request.get_tensor("tags");
    const ov::Shape h = heat.get_shape(), t = tags.get_shape();
    print(aepose::decode(aepose::dense_heatmaps(heat.data<float>(), h[1], h[2], h[3]),
                         aepose::planar_tags(tags.data<float>(), t[1], t[2], t[3], t[4]),
                         options_of(options)));
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "find_people: %s\n", error.what());
    return 1;
}
