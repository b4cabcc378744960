/* lwIP 2.2.1 as Culvert builds it: TCP over IPv6 and nothing else, one thread, no system layer.
   Options that are not named here have lwIP's defaults (src/include/lwip/opt.h). */
#pragma once

#include <stdint.h>

/* No threads, no timeouts of lwIP's own: netstack.cpp calls tcp_tmr(). */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_STATS 0

/* Protocols. Packets with extension headers, fragments and ICMP never get here. */
#define LWIP_IPV4 0
#define LWIP_IPV6 1
#define LWIP_ARP 0
#define LWIP_ETHERNET 0
#define LWIP_ICMP 0
#define LWIP_ICMP6 0
#define LWIP_RAW 0
#define LWIP_UDP 0
#define LWIP_DNS 0
#define LWIP_TCP 1
#define LWIP_IPV6_FRAG 0
#define LWIP_IPV6_REASS 0
#define LWIP_IPV6_MLD 0
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_IPV6_ADDRESS_LIFETIMES 0
#define LWIP_IPV6_SCOPES 0
#define LWIP_IPV6_FORWARD 0
#define LWIP_ND6_QUEUEING 0
#define LWIP_ND6_ALLOW_RA_UPDATES 0
#define LWIP_ND6_NUM_NEIGHBORS 1
#define LWIP_ND6_NUM_DESTINATIONS 1
#define LWIP_ND6_NUM_PREFIXES 1
#define LWIP_ND6_NUM_ROUTERS 1
#define LWIP_SINGLE_NETIF 1
#define LWIP_IPV6_NUM_ADDRESSES 121 /* kMaxAddresses, and slot 0, which stays empty */

/* Memory. The pools are lwIP's bounds and take memory only as it is used (patches/01-pools.patch);
   payload comes from malloc, bounded by the windows. */
#define MEM_LIBC_MALLOC 1
#define MEM_ALIGNMENT 8
#define MEMP_NUM_TCP_PCB 16384 /* kMaxConnections */
#define MEMP_NUM_TCP_PCB_LISTEN 256 /* kMaxListeners */
#define MEMP_NUM_TCP_SEG 65535 /* in flight and out of order, all connections: 89 MB at most */
#define MEMP_NUM_PBUF 65535 /* references to bytes in flight */
#define PBUF_POOL_SIZE 1 /* unused: packets are custom pbufs */
#define PBUF_LINK_HLEN 0
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* they are about PBUF_POOL and tcp_sndlowat() */

/* TCP. The window bounds what a connection holds in either direction; larger ones make
   tcp_output() walk longer lists. Timers tick every 50 ms: delayed ACK ≤ 50 ms, RTO ≥ 200 ms. */
#define TCP_MSS 1360 /* mesh MTU 1420 less IPv6 and TCP headers */
#define TCP_WND (512 * 1024)
#define TCP_SND_BUF (512 * 1024)
#define TCP_SND_QUEUELEN 2048
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 7
#define TCP_OVERSIZE 0
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_MAX_SACK_NUM 4
#define TCP_OOSEQ_MAX_BYTES TCP_WND
#define TCP_OOSEQ_MAX_PBUFS 512
#define SO_REUSE 1 /* to listen again while accepted connections of the port still run */
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 255 /* connections that have not finished their handshake */
#define TCP_TMR_INTERVAL 50
#define TCP_MSL 1000 /* 2 s of TIME_WAIT: sequence numbers of RFC 6528 do not come again in it */
#define LWIP_TCP_RTO_TIME 1000 /* RFC 6298 §2.1 */
#define TCP_MAXRTX 10
#define TCP_SYNMAXRTX 12
/* An accepted connection whose peer is silent: probes from the first minute on, over after the second. */
#define TCP_KEEPIDLE_DEFAULT 60000U
#define TCP_KEEPINTVL_DEFAULT 10000U
#define TCP_KEEPCNT_DEFAULT 6U

/* WireGuard has authenticated what comes in. What goes out may meet a kernel that checks: it is
   summed by netstack.cpp, which copies it anyway. */
#define CHECKSUM_CHECK_TCP 0
#define CHECKSUM_GEN_TCP 0

/* Initial sequence numbers that a stranger cannot guess (RFC 6528); netstack.cpp. */
struct ip6_addr;
struct tcp_pcb;
struct tcp_hdr;
struct pbuf;
#ifdef __cplusplus
extern "C" {
#endif
uint32_t culvert_lwip_isn(const struct ip6_addr* local, uint16_t local_port,
                          const struct ip6_addr* remote, uint16_t remote_port);
signed char culvert_lwip_keep(const struct tcp_pcb* pcb, const struct tcp_hdr* header, struct pbuf* data);
#ifdef __cplusplus
}
#endif
#define LWIP_HOOK_TCP_ISN culvert_lwip_isn
/* A packet with data may have to wait for others or for its reader: its peer's share says whether. */
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, option, first, second, data) \
  culvert_lwip_keep(pcb, header, data)
