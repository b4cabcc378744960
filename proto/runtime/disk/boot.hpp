// The id of the machine's present boot. A store needs it to count its age over restarts.
#pragma once

#include "proto/trust/register/store_clock.hpp"

namespace culvert::runtime {

// /proc/sys/kernel/random/boot_id; zero where it cannot be read. Blocks: call it at start-up only.
trust::BootId read_boot_id();

}  // namespace culvert::runtime
