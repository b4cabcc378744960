// What an agent is: the agent of a customer's site, which publishes services, or the agent of a
// person's device (a laptop), which uses services.
#pragma once

namespace culvert::agent {

enum class Role { kSite, kDevice };

}  // namespace culvert::agent
