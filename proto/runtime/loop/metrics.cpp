#include "proto/runtime/loop/metrics.hpp"

#include <algorithm>
#include <vector>

namespace culvert::runtime {

Metrics::Value& Metrics::find(std::string_view name, std::string_view help, std::string_view labels,
                              bool counter) {
  for (auto& value : values_) {
    if (value.name == name && value.labels == labels) return value;
  }
  Value& made = values_.emplace_back();
  made.name = name;
  made.help = help;
  made.labels = labels;
  made.is_counter = counter;
  return made;
}

Metrics::Value& Metrics::counter(std::string_view name, std::string_view help,
                                 std::string_view labels) {
  return find(name, help, labels, true);
}
Metrics::Value& Metrics::gauge(std::string_view name, std::string_view help,
                               std::string_view labels) {
  return find(name, help, labels, false);
}

std::string Metrics::exposition() const {
  std::vector<const Value*> sorted;
  for (const auto& value : values_) sorted.push_back(&value);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Value* a, const Value* b) { return a->name < b->name; });
  std::string out;
  std::string_view last;
  for (const Value* value : sorted) {
    if (value->name != last) {
      out += "# HELP " + value->name + " " + value->help + "\n# TYPE " + value->name +
             (value->is_counter ? " counter\n" : " gauge\n");
      last = value->name;
    }
    out += value->name;
    if (!value->labels.empty()) out += "{" + value->labels + "}";
    out += " " + std::to_string(value->now) + "\n";
  }
  return out;
}

}  // namespace culvert::runtime
