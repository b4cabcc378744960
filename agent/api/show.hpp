// Views as JSON, as docs/protocols/local-api.md lists them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "agent/core/views.hpp"
#include "agent/proxy/forward.hpp"
#include "proto/audit/entry.hpp"

namespace culvert::api {

nlohmann::json show(const agent::StatusView& status);
nlohmann::json show(const agent::DocumentsView& documents);
nlohmann::json show(const agent::PeerView& peer);
nlohmann::json show(const agent::ForkView& fork);
nlohmann::json show(const agent::ServiceView& service);
nlohmann::json show(const agent::RequestView& request);
nlohmann::json show(const agent::PingResult& ping);
nlohmann::json show(const audit::Entry& entry);
nlohmann::json show(const proxy::Forward& forward);

}  // namespace culvert::api
