// How much more two lanes on two threads carry than one.
#pragma once

namespace culvert::bench {

void lanes();

}  // namespace culvert::bench
