/* What each peer, an address of the mesh, has of what all connections share (patches/07-shares.patch).

   One rule for every pool: a peer gets more of it while it has less than is still free. So one peer never
   has more than a half, two never more than a third each, and the next one always finds its part. It
   costs one pointer in each connection and segment, and no list is ever walked. */
#pragma once

#include <stddef.h>

#include "lwip/ip_addr.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The pools: of MEMP_NUM_TCP_PCB, the backlog of a listener, kMaxHeldBytes of netstack.hpp, and these. */
#define TCP_SHARE_QUEUED 40000U /* segments that are to be sent or acknowledged; one of many pieces is many */
#define TCP_SHARE_OOSEQ 9000U   /* segments that came out of order */
#define TCP_SHARE_LITTLE 8U     /* with so few pbufs queued a connection may have two segments more … */
#define TCP_SHARE_SPARE (TCP_SHARE_QUEUED / 4) /* … beside its peer's share, while so many are free */

struct tcp_pcb;
struct tcp_seg;

struct tcp_peer {
  ip_addr_t address;
  struct tcp_peer* next; /* of its bucket */
  u32_t references;      /* connections, segments and packets */
  u32_t connections;     /* but those in TIME-WAIT, which make room for new ones */
  u32_t half_open;       /* of them: in a listener's backlog */
  u32_t queued, ooseq;
  size_t held; /* bytes of packets that came in: out of order, or not yet read */
};

extern struct tcp_peer tcp_all; /* the sums */

#define TCP_SHARE_HAS_ROOM(mine, all, limit) ((all) < (limit) && (mine) < (limit) - (all))

/* A connection with `address` begins: 0 where its peer has its share of connections, or no memory is left.
   tcp_peer_leave() undoes it, also for a connection that never joined. */
int tcp_peer_join(struct tcp_pcb* pcb, const ip_addr_t* address);
int tcp_peer_may_join(const ip_addr_t* address, u32_t waiting, u32_t backlog); /* … as a half-open one */
void tcp_peer_leave(struct tcp_pcb* pcb);

int tcp_peer_may_queue(const struct tcp_pcb* pcb, u16_t size); /* bytes in one write */
int tcp_peer_may_reorder(const struct tcp_peer* peer);
void tcp_seg_charge(struct tcp_seg* seg, struct tcp_peer* peer, u16_t queued); /* 0: out of order */
void tcp_seg_recharge(struct tcp_seg* seg, u16_t queued);
void tcp_seg_discharge(struct tcp_seg* seg);

/* For packets that are kept. */
void tcp_peer_hold(struct tcp_peer* peer, size_t size);
void tcp_peer_release(struct tcp_peer* peer, size_t size);

#ifdef __cplusplus
}
#endif
