// What a packet and a peer cost where 10,000 peers are configured.
#pragma once

void bench_peers();
