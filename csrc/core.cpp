// Python's view of the decode core: checks what it is given, releases the interpreter, computes.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdlib>
#include <string>
#include <vector>

#include <aepose/decode.hpp>

namespace py = pybind11;

namespace {

// Raised whenever what Python passes or gets changes; aepose/codecs/core.py asks for it.
constexpr int interface_version = 3;

#if defined(_MSC_VER) && !defined(__clang__)
constexpr const char* compiler = "MSVC";
#elif defined(__clang__)
constexpr const char* compiler = "Clang " __clang_version__;
#else
constexpr const char* compiler = "GCC " __VERSION__;
#endif

using aepose::Heatmaps;
using aepose::Tags;
using Floats = py::array_t<float, 0>;
template <class T>
using Dense = py::array_t<T, py::array::c_style>;

void require(bool condition, const std::string& message) {
    if (!condition) throw py::value_error(message);
}

void require_aligned(const py::array& array, const char* name) {
    require((array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0,
            std::string(name) + ": not aligned");
}

// Environment variables that aepose/codecs/core.py tells of.
constexpr const char* instructions_variable = "AEPOSE_CORE_INSTRUCTIONS";
constexpr const char* threads_variable = "AEPOSE_CORE_THREADS";

std::string setting(const char* variable) {
    const char* value = std::getenv(variable);
    return value ? value : "";
}

std::int64_t threads() {
    const std::string value = setting(threads_variable);
    if (value.empty()) return 1;
    const bool digits = value.find_first_not_of("0123456789") == std::string::npos;
    const std::int64_t number = digits && value.size() < 4 ? std::stoll(value) : 0;
    require(number >= 1, std::string(threads_variable) + " = " + value + ": expected 1 to 999");
    return number;
}

// Keeps the memory of arrays in its place. A reference does not, with resize(refcheck=False), and
// neither does a buffer export; NumPy moves no array that has a weak reference.
class Held {
  public:
    template <class... Arrays>
    explicit Held(const Arrays&... arrays) {
        (references_.emplace_back(py::weakref(py::handle(arrays))), ...);
    }

  private:
    std::vector<py::object> references_;
};

// A stride in floats. An axis of one cell has none.
std::ptrdiff_t stride(const Floats& array, int axis) {
    const auto item = static_cast<py::ssize_t>(sizeof(float));
    require(array.strides(axis) % item == 0, "maps must be made of whole floats");
    return array.shape(axis) == 1 ? 0 : array.strides(axis) / item;
}

// Whether the last axis given lies as densely as `step` allows and the one before follows it.
bool is_plane(const Floats& array, int rows, std::ptrdiff_t step) {
    const int columns = rows + 1;
    const bool dense = array.shape(columns) == 1 || stride(array, columns) == step;
    return dense && (array.shape(rows) == 1 || stride(array, rows) == step * array.shape(columns));
}

void require_no_empty_axis(const Floats& array, const char* name, int ndim) {
    require(array.ndim() == ndim, std::string(name) + ": wrong number of axes");
    for (int axis = 0; axis < ndim; ++axis)
        require(array.shape(axis) > 0, std::string(name) + ": an axis of 0");
    require_aligned(array, name);
}

Heatmaps heatmaps_of(const Floats& array) {
    require_no_empty_axis(array, "heatmaps", 3);
    require(is_plane(array, 1, 1), "heatmaps: the cells of a map must follow each other");
    return {array.data(), array.shape(0), array.shape(1), array.shape(2), stride(array, 0)};
}

Tags tags_of(const Floats& array, const Heatmaps& heatmaps) {
    require_no_empty_axis(array, "tags", 4);
    require((array.shape(0) == 1 || array.shape(0) == heatmaps.count) &&
                array.shape(1) == heatmaps.height && array.shape(2) == heatmaps.width,
            "tags do not fit heatmaps");
    // Between two cells there may be other channels, but as many everywhere.
    const std::ptrdiff_t step = array.shape(2) > 1 ? stride(array, 2)
                                : array.shape(1) > 1 ? stride(array, 1)
                                                     : 1;
    require(is_plane(array, 1, step), "tags: the cells of a map must follow each other");
    return {array.data(), array.shape(0), array.shape(3), stride(array, 0), step, stride(array, 3)};
}

// A copy of people (P, K, 3 + L). A number of tags of 0 stands for any.
aepose::People people_of(const Dense<float>& people, const Heatmaps& heatmaps, std::int64_t channels) {
    require(people.ndim() == 3 && people.shape(1) == heatmaps.count && people.shape(2) > 3 &&
                (channels == 0 || people.shape(2) == 3 + channels),
            "people: expected (P, K, 3 + L)");
    require_aligned(people, "people");
    return {heatmaps.count, people.shape(2) - 3,
            {people.data(), people.data() + people.size()},
            std::vector<float>(people.shape(0)), {}};
}

Dense<float> array_of(const aepose::People& people) {
    Dense<float> array({people.size(), people.keypoints, 3 + people.channels});
    std::copy(people.poses.begin(), people.poses.end(), array.mutable_data());
    return array;
}

// The maps of a picture; keeps the arrays alive.
class Maps {
  public:
    Maps(Floats heatmaps, Floats tags)
        : heatmaps_(std::move(heatmaps)),
          tags_(std::move(tags)),
          held_(heatmaps_, tags_),
          maps_(read()) {}

    py::tuple find_peaks(std::int64_t most, std::int64_t kernel, double threshold) {
        const Heatmaps& heat = maps_.heatmaps();
        require(most >= 1 && most <= heat.cells(), "find_peaks: wrong number of peaks");
        require(kernel >= 1 && kernel % 2 == 1, "find_peaks: wrong kernel");
        require(threshold >= 0, "find_peaks: negative threshold");
        Dense<std::int32_t> xy({heat.count, most, std::int64_t{2}});
        Dense<float> score({heat.count, most}), tag({heat.count, most, maps_.tags().channels});
        std::int32_t* xys = xy.mutable_data();
        float *scores = score.mutable_data(), *tags = tag.mutable_data();
        {
            const py::gil_scoped_release release;
            aepose::stages::find_candidates(maps_, most, kernel,
                                            aepose::stages::float_threshold(threshold), xys, scores,
                                            tags);
        }
        return py::make_tuple(xy, score, tag);
    }

    Dense<float> refine(const Dense<float>& people, double offset) {
        aepose::People refined = people_of(people, maps_.heatmaps(), maps_.tags().channels);
        {
            const py::gil_scoped_release release;
            aepose::stages::refine(refined, maps_, offset);
        }
        return array_of(refined);
    }

  private:
    Floats heatmaps_, tags_;
    Held held_;
    aepose::Maps maps_;

    aepose::Maps read() const {
        const Heatmaps heatmaps = heatmaps_of(heatmaps_);
        return {heatmaps, tags_of(tags_, heatmaps), aepose::loops_for(setting(instructions_variable)),
                threads()};
    }
};

Dense<float> adjust(const Dense<float>& people, const Floats& heatmaps, float offset) {
    const Heatmaps heat = heatmaps_of(heatmaps);
    const Held held(heatmaps);
    aepose::People adjusted = people_of(people, heat, 0);
    {
        const py::gil_scoped_release release;
        aepose::stages::adjust(adjusted, heat, offset);
    }
    return array_of(adjusted);
}

Dense<float> newton_step(const Dense<float>& people, const Floats& heatmaps) {
    const Heatmaps heat = heatmaps_of(heatmaps);
    const Held held(heatmaps);
    aepose::People moved = people_of(people, heat, 0);
    {
        const py::gil_scoped_release release;
        aepose::stages::newton_step(moved, heat);
    }
    return array_of(moved);
}

Dense<float> logarithm(const Dense<float>& values) {
    require(values.ndim() == 1, "values: expected (n,)");
    require_aligned(values, "values");
    Dense<float> found(values.shape(0));
    std::transform(values.data(), values.data() + values.size(), found.mutable_data(),
                   aepose::logarithm);
    return found;
}

Dense<float> match(const Dense<std::int32_t>& xy, const Dense<float>& score, const Dense<float>& tag,
                   const std::vector<std::int64_t>& order, std::int64_t offered,
                   std::int64_t limit, double detection_threshold, double tag_threshold,
                   bool use_detection_val) {
    require(tag.ndim() == 3 && tag.shape(2) > 0, "tag: expected (K, M, L)");
    const std::int64_t keypoints = tag.shape(0), most = tag.shape(1), channels = tag.shape(2);
    require(score.ndim() == 2 && score.shape(0) == keypoints && score.shape(1) == most,
            "score: expected (K, M)");
    require(xy.ndim() == 3 && xy.shape(0) == keypoints && xy.shape(1) == most && xy.shape(2) == 2,
            "xy: expected (K, M, 2)");
    require(offered >= 1 && limit >= 1, "offered, limit: expected at least 1");
    require_aligned(xy, "xy");
    require_aligned(score, "score");
    require_aligned(tag, "tag");
    const Held held(xy, score, tag);
    for (const std::int64_t k : order) require(k >= 0 && k < keypoints, "order: no such keypoint");
    aepose::Matcher matcher({xy.data(), score.data(), tag.data(), keypoints, most, channels},
                            {detection_threshold, tag_threshold, use_detection_val, offered, limit});
    {
        const py::gil_scoped_release release;
        for (const std::int64_t k : order) matcher.visit(k);
    }
    Dense<float> people({matcher.num_people(), keypoints, 3 + channels});
    matcher.write(people.mutable_data());
    return people;
}

std::vector<std::int64_t> assign(const Dense<double>& cost) {
    require(cost.ndim() == 2, "cost: expected (R, C)");
    require_aligned(cost, "cost");
    const Held held(cost);
    const double* values = cost.data();
    const std::int64_t rows = cost.shape(0), columns = cost.shape(1);
    const py::gil_scoped_release release;
    return aepose::Assignment().solve(values, rows, columns);
}

}  // namespace

PYBIND11_MODULE(_core, module) {
    module.doc() = "The stages of decoding, compiled.";
    module.attr("INTERFACE") = interface_version;
    module.attr("COMPILER") = compiler;
    std::vector<std::string> instructions;
    for (const aepose::Loops& loops : aepose::all_loops()) instructions.push_back(loops.name);
    module.attr("INSTRUCTIONS") = py::tuple(py::cast(instructions));
    py::class_<Maps>(module, "Maps")
        .def(py::init<Floats, Floats>(), py::arg("heatmaps").noconvert(),
             py::arg("tags").noconvert())
        .def("find_peaks", &Maps::find_peaks, py::arg("most"), py::arg("kernel"),
             py::arg("threshold"))
        .def("refine", &Maps::refine, py::arg("people").noconvert(), py::arg("offset"));
    module.def("adjust", &adjust, py::arg("people").noconvert(), py::arg("heatmaps").noconvert(),
               py::arg("offset"));
    module.def("newton_step", &newton_step, py::arg("people").noconvert(),
               py::arg("heatmaps").noconvert());
    module.def("logarithm", &logarithm, py::arg("values").noconvert());
    module.def("match", &match, py::arg("xy").noconvert(), py::arg("score").noconvert(),
               py::arg("tag").noconvert(), py::arg("order"), py::arg("offered"),
               py::arg("limit"), py::arg("detection_threshold"), py::arg("tag_threshold"),
               py::arg("use_detection_val"));
    module.def("assign", &assign, py::arg("cost").noconvert());
}
