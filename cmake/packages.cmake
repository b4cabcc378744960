# Debian packages by CPack: one for each program, from the component of the program's name.
# `./dev package` builds them. The packages of the shared libraries that a program needs are found
# by dpkg-shlibdeps in the program itself, so that no list can forget one.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "Culvert")
set(CPACK_PACKAGE_CONTACT "Culvert maintainers <maintainers@culvert.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL culvert culvert-coordinator culvert-relay)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION net)

foreach(name agent coordinator relay)
  set(program culvert-${name})
  set(user culvert-${name})
  set(unit culvert-${name}.service)
  set(home /var/lib/culvert/${name})
  set(instances)
  if(name STREQUAL agent)
    set(program culvert)
    set(instances "'culvert-tun@*.service'")
  endif()
  set(scripts)
  foreach(script postinst prerm postrm)
    set(made ${CMAKE_BINARY_DIR}/package-scripts/${program}/${script})
    configure_file(${CMAKE_CURRENT_LIST_DIR}/packages/${script}.in ${made} @ONLY
      FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                       WORLD_READ WORLD_EXECUTE)
    list(APPEND scripts ${made})
  endforeach()
  string(TOUPPER ${program} key)
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${program})
  set(CPACK_DEBIAN_${key}_PACKAGE_CONTROL_EXTRA ${scripts})
endforeach()
set(CPACK_COMPONENT_CULVERT_DESCRIPTION
    "Zero-trust access to services in customers' clusters: agent and client
 The agent of a customer's site, and the program of an engineer's laptop.")
set(CPACK_COMPONENT_CULVERT-COORDINATOR_DESCRIPTION
    "Zero-trust access to services in customers' clusters: coordinator
 Carries signed statements between engineers and sites, and cannot make any.")
set(CPACK_COMPONENT_CULVERT-RELAY_DESCRIPTION
    "Zero-trust access to services in customers' clusters: relay
 Carries encrypted packets where no direct path exists (DERP), and answers STUN.")
set(CPACK_DEBIAN_CULVERT_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_CULVERT_PACKAGE_SUGGESTS "wireguard-tools")
include(CPack)
