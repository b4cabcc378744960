// Counters and gauges with a Prometheus text exposition. A program's shell owns the Metrics object
// and uses it on its own thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace culvert::runtime {

class Metrics {
 public:
  struct Value {
    std::string name, help, labels;  // labels: `reason="bad"`, or empty
    bool is_counter = true;
    std::int64_t now = 0;

    void add(std::int64_t by = 1) { now += by; }
    void set(std::int64_t to) { now = to; }
  };

  // The same name and labels give the same value; references stay valid.
  Value& counter(std::string_view name, std::string_view help, std::string_view labels = "");
  Value& gauge(std::string_view name, std::string_view help, std::string_view labels = "");
  std::string exposition() const;

 private:
  Value& find(std::string_view name, std::string_view help, std::string_view labels, bool counter);
  std::deque<Value> values_;
};

}  // namespace culvert::runtime
