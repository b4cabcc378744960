/* Where lwIP's connections are kept (patches/02-index.patch): a hash over their addresses and ports,
   and doubly linked lists of the active ones, those in TIME-WAIT, and those at rest, which have
   nothing that a timer must see to, or (keep-alive) only after a long time. */
#include "lwip/opt.h"
#include "lwip/priv/tcp_priv.h"

#define BUCKETS 8192U /* a power of two */

static struct tcp_pcb* buckets[BUCKETS];

/* The key keeps a peer from choosing ports that share a bucket. */
static u64_t mix(u64_t hash, u64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15ULL;
  return hash ^ (hash >> 32);
}

static struct tcp_pcb** bucket(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote,
                               u16_t remote_port) {
  static u64_t key;
  u64_t hash;
  int i;
  if (key == 0) key = ((u64_t)LWIP_RAND() << 32) | LWIP_RAND() | 1U;
  hash = mix(key, ((u64_t)local_port << 16) | remote_port);
  for (i = 0; i < 4; i += 2) {
    hash = mix(hash, ((u64_t)local->addr[i] << 32) | local->addr[i + 1]);
    hash = mix(hash, ((u64_t)remote->addr[i] << 32) | remote->addr[i + 1]);
  }
  return &buckets[(hash >> 20) & (BUCKETS - 1U)];
}

static struct tcp_pcb** bucket_of(const struct tcp_pcb* pcb) {
  return bucket(&pcb->local_ip, pcb->local_port, &pcb->remote_ip, pcb->remote_port);
}

/* Listening and bound ones are few, have no peer, and stay singly linked. */
static int is_connection(struct tcp_pcb** list) {
  return list == &tcp_active_pcbs || list == &tcp_tw_pcbs;
}

/* Those that are watched stand in the order in which they came to rest. */
static struct tcp_pcb** rests_in(const struct tcp_pcb* pcb) {
  return ip_get_option(pcb, SOF_KEEPALIVE) ? &tcp_watched_pcbs : &tcp_resting_pcbs;
}

static struct tcp_pcb** oldest_in(struct tcp_pcb** list) {
  static struct tcp_pcb* nobody;
  return list == &tcp_tw_pcbs ? &tcp_tw_oldest : list == &tcp_watched_pcbs ? &tcp_watched_oldest : &nobody;
}

static void link_in(struct tcp_pcb** list, struct tcp_pcb* pcb) {
  pcb->prev = NULL;
  pcb->next = *list;
  if (*list != NULL) (*list)->prev = pcb;
  if (*list == NULL) *oldest_in(list) = pcb;
  *list = pcb;
}

static void link_out(struct tcp_pcb** list, struct tcp_pcb* pcb) {
  if (pcb->next != NULL) pcb->next->prev = pcb->prev;
  if (pcb == *oldest_in(list)) *oldest_in(list) = pcb->prev;
  if (pcb->prev != NULL) {
    pcb->prev->next = pcb->next;
  } else {
    *list = pcb->next;
  }
  pcb->prev = pcb->next = NULL;
}

void tcp_reg(struct tcp_pcb** list, struct tcp_pcb* pcb) {
  if (is_connection(list)) {
    struct tcp_pcb** first = bucket_of(pcb);
    link_in(list, pcb);
    pcb->hash_next = *first;
    *first = pcb;
  } else {
    pcb->next = *list;
    *list = pcb;
  }
  tcp_timer_needed();
}

void tcp_rmv(struct tcp_pcb** list, struct tcp_pcb* pcb) {
  if (is_connection(list)) {
    struct tcp_pcb** at = bucket_of(pcb);
    while (*at != NULL && *at != pcb) at = &(*at)->hash_next;
    LWIP_ASSERT("tcp_rmv: not in the index", *at != NULL);
    *at = pcb->hash_next;
    link_out(pcb->resting ? rests_in(pcb) : list, pcb);
    pcb->resting = 0;
    if (list == &tcp_active_pcbs) tcp_peer_leave(pcb);
  } else {
    struct tcp_pcb** at = list;
    while (*at != NULL && *at != pcb) at = &(*at)->next;
    if (*at != NULL) *at = pcb->next;
    pcb->next = NULL;
  }
}

struct tcp_pcb* tcp_find(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote,
                         u16_t remote_port) {
  struct tcp_pcb* pcb = *bucket(local, local_port, remote, remote_port);
  while (pcb != NULL && !(pcb->remote_port == remote_port && pcb->local_port == local_port &&
                          ip_addr_eq(&pcb->remote_ip, remote) && ip_addr_eq(&pcb->local_ip, local))) {
    pcb = pcb->hash_next;
  }
  return pcb;
}

int tcp_may_rest(const struct tcp_pcb* pcb) {
  const tcpflags_t pending = TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND | TF_NAGLEMEMERR;
  return (pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT) && pcb->unsent == NULL &&
         pcb->unacked == NULL && pcb->ooseq == NULL && pcb->refused_data == NULL &&
         pcb->poll == NULL && (pcb->flags & pending) == 0 && pcb->keep_cnt_sent == 0 &&
         (!ip_get_option(pcb, SOF_KEEPALIVE) || tcp_ticks - pcb->tmr < pcb->keep_idle / TCP_SLOW_INTERVAL);
}

void tcp_rest(struct tcp_pcb* pcb) {
  link_out(&tcp_active_pcbs, pcb);
  link_in(rests_in(pcb), pcb);
  pcb->resting = 1;
  pcb->rest_at = tcp_clock;
}

u32_t tcp_watched_due(void) {
  const u32_t idle = tcp_watched_oldest == NULL ? 0 : tcp_watched_oldest->keep_idle * 1000;
  const u32_t rested = tcp_watched_oldest == NULL ? 0 : tcp_clock - tcp_watched_oldest->rest_at;
  return rested < idle ? idle - rested : 0;
}

void tcp_stir_watched(void) {
  while (tcp_watched_oldest != NULL && tcp_watched_due() == 0) {
    struct tcp_pcb* pcb = tcp_watched_oldest;
    pcb->tmr = tcp_ticks - pcb->keep_idle / TCP_SLOW_INTERVAL - 1; /* ticks stand still while all rest */
    tcp_stir(pcb);
  }
}

void tcp_stir(struct tcp_pcb* pcb) {
  if (!pcb->resting) return;
  link_out(rests_in(pcb), pcb);
  link_in(&tcp_active_pcbs, pcb);
  pcb->resting = 0;
  tcp_timer_needed();
}
