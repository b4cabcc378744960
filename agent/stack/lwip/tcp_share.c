#include "tcp_share.h"

#include <stdlib.h>

#include "lwip/opt.h"
#include "lwip/priv/tcp_priv.h"

#define BUCKETS 1024U /* a power of two */

static struct tcp_peer* buckets[BUCKETS];
struct tcp_peer tcp_all;

/* No key is needed: a peer cannot choose its address, the mesh gives it one. */
static struct tcp_peer** bucket(const ip_addr_t* address) {
  const u32_t mixed = (address->addr[0] ^ address->addr[1] ^ address->addr[2] ^ address->addr[3]) * 0x9E3779B1U;
  return &buckets[(mixed >> 16) & (BUCKETS - 1U)];
}

static struct tcp_peer* find(const ip_addr_t* address) {
  struct tcp_peer* peer = *bucket(address);
  while (peer != NULL && !ip_addr_eq(&peer->address, address)) peer = peer->next;
  return peer;
}

static void drop(struct tcp_peer* peer) {
  struct tcp_peer** at;
  if (--peer->references > 0) return;
  for (at = bucket(&peer->address); *at != peer; at = &(*at)->next) {
  }
  *at = peer->next;
  free(peer);
}

int tcp_peer_may_join(const ip_addr_t* address, u32_t waiting, u32_t backlog) {
  const struct tcp_peer* peer = find(address);
  return TCP_SHARE_HAS_ROOM(peer == NULL ? 0 : peer->half_open, waiting, backlog) &&
         TCP_SHARE_HAS_ROOM(peer == NULL ? 0 : peer->connections, tcp_all.connections, MEMP_NUM_TCP_PCB);
}

int tcp_peer_join(struct tcp_pcb* pcb, const ip_addr_t* address) {
  struct tcp_peer* peer = find(address);
  if (!TCP_SHARE_HAS_ROOM(peer == NULL ? 0 : peer->connections, tcp_all.connections, MEMP_NUM_TCP_PCB)) {
    return 0;
  }
  if (peer == NULL) {
    peer = (struct tcp_peer*)calloc(1, sizeof *peer);
    if (peer == NULL) return 0;
    ip_addr_copy(peer->address, *address);
    peer->next = *bucket(address);
    *bucket(address) = peer;
  }
  ++peer->references;
  ++peer->connections;
  ++tcp_all.connections;
  pcb->peer = peer;
  return 1;
}

void tcp_peer_leave(struct tcp_pcb* pcb) {
  struct tcp_peer* peer = pcb->peer;
  if (peer == NULL) return;
  if (pcb->flags & TF_BACKLOGPEND) --peer->half_open;
  pcb->peer = NULL;
  --peer->connections;
  --tcp_all.connections;
  drop(peer);
}

int tcp_peer_may_queue(const struct tcp_pcb* pcb, u16_t size) {
  if (pcb->peer == NULL || TCP_SHARE_HAS_ROOM(pcb->peer->queued, tcp_all.queued, TCP_SHARE_QUEUED)) return 1;
  return pcb->snd_queuelen < TCP_SHARE_LITTLE && size <= 2 * pcb->mss && tcp_all.queued < TCP_SHARE_QUEUED - TCP_SHARE_SPARE;
}

int tcp_peer_may_reorder(const struct tcp_peer* peer) {
  return peer == NULL || TCP_SHARE_HAS_ROOM(peer->ooseq, tcp_all.ooseq, TCP_SHARE_OOSEQ);
}

void tcp_seg_charge(struct tcp_seg* seg, struct tcp_peer* peer, u16_t queued) {
  seg->peer = peer;
  seg->queued = queued;
  if (peer == NULL) return;
  ++peer->references;
  if (queued == 0) {
    ++peer->ooseq;
    ++tcp_all.ooseq;
  }
  peer->queued += queued;
  tcp_all.queued += queued;
}

void tcp_seg_recharge(struct tcp_seg* seg, u16_t queued) {
  if (seg->peer != NULL) {
    seg->peer->queued = seg->peer->queued - seg->queued + queued;
    tcp_all.queued = tcp_all.queued - seg->queued + queued;
  }
  seg->queued = queued;
}

void tcp_seg_discharge(struct tcp_seg* seg) {
  struct tcp_peer* peer = seg->peer;
  if (peer == NULL) return;
  if (seg->queued == 0) {
    --peer->ooseq;
    --tcp_all.ooseq;
  }
  peer->queued -= seg->queued;
  tcp_all.queued -= seg->queued;
  seg->peer = NULL;
  drop(peer);
}

void tcp_peer_hold(struct tcp_peer* peer, size_t size) {
  ++peer->references;
  peer->held += size;
  tcp_all.held += size;
}

void tcp_peer_release(struct tcp_peer* peer, size_t size) {
  peer->held -= size;
  tcp_all.held -= size;
  drop(peer);
}
