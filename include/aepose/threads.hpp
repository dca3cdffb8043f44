// A loop whose steps are shared by several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace aepose {

// Call step(i) for i in [0, n), in `threads` threads, this one among them. Steps must not depend on
// each other. Of errors that steps throw, the one of the lowest i that was met is thrown again.
template <class Step>
void for_each(std::int64_t n, std::int64_t threads, const Step& step) {
    std::atomic<std::int64_t> next{0};
    std::mutex mutex;
    std::int64_t failed = n;
    std::exception_ptr error;
    const auto work = [&] {
        for (std::int64_t i = next++; i < n; i = next++) try {
                step(i);
            } catch (...) {
                const std::lock_guard<std::mutex> lock(mutex);
                if (i < failed) error = std::current_exception();
                failed = std::min(failed, i);
                next = n;
            }
    };
    std::vector<std::thread> others;
    for (std::int64_t i = 1; i < std::min(threads, n); ++i) try {
            others.emplace_back(work);
        } catch (const std::system_error&) {
            break;  // the system gives no more threads: those that are there do the work
        }
    work();
    for (std::thread& other : others) other.join();
    if (error) std::rethrow_exception(error);
}

}  // namespace aepose
