#include "agent/cli/parsed.hpp"

namespace culvert::cli {

void add_site_documents(CLI::App* site, Parsed& p) {
  auto* fresh = site->add_subcommand("fresh", "sign that the known documents are the newest");
  add_key(fresh, p, true);
  fresh
      ->add_option(
          "--out", p.site_fresh.out,
          "file for a folder of documents; where other approvers have signed it, a line is "
          "added. Not sent then, unless --coordinator is given")
      ->type_name("FILE");
  fresh->add_option("--documents", p.site_fresh.documents, "folder of newer documents")
      ->type_name("DIR");
  on_run(fresh, p, [&p] { return site_fresh(p.by, p.site_fresh); });
  auto* lease = site->add_subcommand("lease", "the customer's own leases: serve");
  lease->require_subcommand(1);
  auto* serve = lease->add_subcommand("serve", "answer the site's agents, in the foreground");
  serve->add_option("--key", p.lease_serve.key_file, "lease key, with both bundles beside it")
      ->type_name("FILE")
      ->required();
  serve->add_option("--listen", p.lease_serve.listen, "where agents reach it")
      ->type_name("ADDRESS:PORT")
      ->required();
  serve
      ->add_option("--documents", p.lease_serve.documents,
                   "folder of *.note files; the server keeps revocations there")
      ->type_name("DIR")
      ->required();
  on_run(serve, p, [&p] { return site_lease_serve(p.lease_serve); });
  auto* status = site->add_subcommand("status", "which documents each agent of the site knows");
  add_key(status, p, true);
  on_run(status, p, [&p] { return site_status(p.common, p.by); });
}

}  // namespace culvert::cli
