#include "proto/runtime/disk/boot.hpp"

#include <algorithm>
#include <fstream>
#include <string>

namespace culvert::runtime {

trust::BootId read_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  if (!std::getline(file, text)) return {};
  text.erase(std::remove(text.begin(), text.end(), '-'), text.end());
  const auto raw = from_hex(text);
  return raw ? trust::BootId::from(*raw).value_or(trust::BootId{}) : trust::BootId{};
}

}  // namespace culvert::runtime
