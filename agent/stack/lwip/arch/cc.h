/* What lwIP asks of its platform; its defaults serve for the rest. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* netstack.cpp */
uint32_t culvert_lwip_random(void);
void culvert_lwip_assert(const char* message);

#define LWIP_RAND() culvert_lwip_random()
#define LWIP_PLATFORM_ASSERT(message) culvert_lwip_assert(message)

#ifdef __cplusplus
}
#endif
