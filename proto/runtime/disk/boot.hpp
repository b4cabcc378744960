// Which boot of the machine this is: what a store needs to count its age over restarts.
#pragma once

#include "proto/trust/store_clock.hpp"

namespace culvert::runtime {

// From /proc/sys/kernel/random/boot_id; zero where it cannot be read. Read at start, not in a loop.
trust::BootId read_boot_id();

}  // namespace culvert::runtime
