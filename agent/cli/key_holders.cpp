#include "agent/cli/parsed.hpp"

namespace culvert::cli {

void add_vendor(CLI::App& app, Parsed& p) {
  auto* vendor = app.add_subcommand("vendor", "the vendor's root: init, collect, site, root");
  vendor->require_subcommand(1);
  auto* init = vendor->add_subcommand("init", "make the vendor's root and keys");
  init->add_option("--dir", p.vendor_init.folder, "new folder for them")
      ->type_name("DIR")
      ->required();
  init->add_option("--name", p.vendor_init.name, "the vendor's domain name")->required();
  init->add_option("--person", p.vendor_init.person, "who holds the keys, user@domain")->required();
  on_run(init, p, [&p] { return vendor_init(p.vendor_init); });
  auto* collect =
      vendor->add_subcommand("collect", "next epoch of the root, with a coordinator's keys");
  collect->add_option("--dir", p.collect.folder, "the vendor's folder")
      ->type_name("DIR")
      ->required();
  collect->add_option("FILE", p.collect.coordinator_pub, "coordinator.pub")->required();
  on_run(collect, p, [&p] { return vendor_collect(p.common, p.collect); });
  auto* site = vendor->add_subcommand("site", "sign that a name is the site with this root hash");
  site->add_option("--dir", p.vendor_site.folder, "the vendor's folder")
      ->type_name("DIR")
      ->required();
  site->add_option("FILE", p.vendor_site.site_bundle, "the customer's site.bundle")->required();
  site->add_option("--hash", p.vendor_site.hash, "root hash, from the customer by another channel")
      ->required();
  site->add_option("--out", p.vendor_site.out, "file to write (default: SITE.site in the folder)")
      ->type_name("FILE");
  on_run(site, p, [&p] { return vendor_site(p.vendor_site); });
  add_root(vendor, p, trust::RootKind::kVendor);
}

void add_site(CLI::App& app, Parsed& p) {
  auto* site = app.add_subcommand(
      "site", "the customer's root, tokens, freshness and leases: init, token, root, status");
  site->require_subcommand(1);
  auto* init = site->add_subcommand("init", "make a site's root, policy and first agent token");
  init->add_option("NAME", p.site_init.name, "the site's domain name")->required();
  init->add_option("--vendor", p.site_init.vendor_bundle, "the vendor's vendor.bundle")
      ->type_name("FILE")
      ->required();
  init->add_option("--vendor-hash", p.site_init.vendor_hash,
                   "the vendor's genesis hash, by another channel")
      ->required();
  init->add_option("--person", p.site_init.person, "who holds the keys, user@domain")->required();
  init->add_option("--dir", p.site_init.folder, "new folder for them (default: NAME)")
      ->type_name("DIR");
  init->add_option("--service", p.site_init.services, "LABEL=tls:PORT or LABEL=tcp:PORT; repeat");
  init->add_option("--tag", p.site_init.tag, "one tag for all services (default: one for each)");
  init->add_option("--agent", p.site_init.agent, "name of the first agent")->default_val("agent");
  init->add_option("--allow-group", p.site_init.group, "group that may ask")->default_val("oncall");
  init->add_option("--max", p.site_init.maximum, "longest grant")
      ->type_name("TIME")
      ->default_val("1h");
  init->add_option("--lease", p.site_init.lease, "how long a lease lasts")
      ->type_name("TIME")
      ->default_val("30s");
  init->add_option("--lease-by", p.site_init.lease_by,
                   "whose leases agents need: vendor, customer or both; the latter two make a "
                   "lease.key, for culvert site lease serve")
      ->default_val("vendor")
      ->check(CLI::IsMember({"vendor", "customer", "both"}));
  on_run(init, p, [&p] { return site_init(p.site_init); });
  auto* token = site->add_subcommand("token", "make another agent token");
  token
      ->add_option("--dir", p.site_token.folder,
                   "the site's folder (default: that of the key, or this)")
      ->type_name("DIR");
  token
      ->add_option("--key", p.site_token.key,
                   "the enrolment key (default: enrolment.key in the folder)")
      ->type_name("FILE");
  token->add_option("--out", p.site_token.out, "file to write (default: agent.token there)")
      ->type_name("FILE");
  token->add_option("--for", p.site_token.lifetime, "how long it may enrol")
      ->type_name("TIME")
      ->default_val("1h");
  token->add_option("--name", p.site_token.name, "the agent's name; replaces the present holder")
      ->required();
  token->add_option("--nodes", p.site_token.nodes, "so many agents: NAME-0, NAME-1, …")
      ->check(CLI::Range(1, 64))
      ->default_val(1);
  token->add_option("--tag", p.site_token.tags,
                    "tag of services to publish; repeat (default: all)");
  token->add_option("--renew-for", p.site_token.renewal, "how long it renews itself")
      ->type_name("TIME")
      ->default_val("365d");
  token->add_option("--replaces", p.site_token.replaces,
                    "ed25519:… or none (default: ask the coordinator for the holder of the name)");
  token->add_option("--coordinator", p.site_token.coordinator,
                    "the coordinator's URL, if not the vendor's");
  on_run(token, p, [&p] { return site_token(p.common, p.site_token); });
  add_root(site, p, trust::RootKind::kSite);
  add_endings(site, p);
  add_site_documents(site, p);
}

void add_device(CLI::App& app, Parsed& p) {
  auto* device = app.add_subcommand("device", "laptops: token, list, admit, renew, revoke");
  device->require_subcommand(1);
  auto* token = device->add_subcommand("token", "make a laptop's token");
  token->add_option("--dir", p.device_token.folder, "the vendor's folder")
      ->type_name("DIR")
      ->required();
  token->add_option("--person", p.device_token.person, "whose laptop, user@domain")->required();
  token->add_option("--group", p.device_token.groups, "group of that person; repeat");
  token->add_option("--out", p.device_token.out, "file to write")->type_name("FILE")->required();
  on_run(token, p, [&p] { return device_token(p.common, p.device_token); });
  auto* admit = device->add_subcommand("admit", "sign a waiting text that was read");
  add_key(admit, p, true);
  admit->add_option("TEXT", p.device_admit.text, "its hash, sha256:…, from culvert device list");
  admit->add_option("--device", p.device_admit.device,
                    "or: the identity, ed25519:…, by another channel");
  admit->add_option("--person", p.device_admit.person, "with --device: its person, user@domain");
  admit->add_option("--group", p.device_admit.groups, "with --device: each of its groups; repeat");
  admit->add_option("--until", p.device_admit.until, "time for renewals (default: 90d)")
      ->type_name("TIME");
  on_run(admit, p, [&p] { return admit_device(p.common, p.by, p.device_admit); });
  auto* renew =
      device->add_subcommand("renew", "sign waiting texts that are as they were last signed");
  add_key(renew, p, true);
  on_run(renew, p, [&p] { return renew_devices(p.common, p.by); });
  auto* revoke = device->add_subcommand("revoke", "end a laptop, or a person, for ever");
  add_key(revoke, p, true);
  revoke->add_option("--device", p.device_revoke.device, "its identity, ed25519:…");
  revoke->add_option("--person", p.device_revoke.person, "or a person with all laptops");
  revoke->add_option("--reason", p.device_revoke.reason, "why, for the audit log")
      ->default_val("revoked");
  revoke->add_flag("--unknown", p.device_revoke.unknown,
                   "also one that neither this folder nor the coordinator knows");
  on_run(revoke, p, [&p] { return revoke_device(p.common, p.by, p.device_revoke); });
  auto* list = device->add_subcommand("list", "laptops that wait or are admitted");
  add_key(list, p, true);
  on_run(list, p, [&p] { return list_devices(p.common, p.by); });
}

}  // namespace culvert::cli
