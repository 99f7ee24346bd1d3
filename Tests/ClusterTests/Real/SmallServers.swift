// Servers that need only one process and a few lines of configuration.

import ClusterWorld
import Foundation
import Support

/// nginx with a status page that a maintenance file turns into a 404.
struct WebServer: Sendable {
    let program: RealServer

    init(on node: Node) throws {
        let configuration = """
            daemon off;
            master_process off;
            pid /run/nginx/pid;
            error_log stderr;
            events {}
            http {
                access_log off;
                client_body_temp_path /run/nginx/body;
                proxy_temp_path /run/nginx/proxy;
                fastcgi_temp_path /run/nginx/fastcgi;
                uwsgi_temp_path /run/nginx/uwsgi;
                scgi_temp_path /run/nginx/scgi;
                server {
                    listen \(node.address):80;
                    location = /up {
                        if (-f /run/nginx/maintenance) { return 404; }
                        return 200 "up\\n";
                    }
                }
            }

            """
        program = try RealServer(
            "nginx", on: node, files: ["nginx.conf": configuration], command: ["nginx", "-e", "stderr", "-p", "/run/nginx", "-c", "/run/nginx/nginx.conf"])
    }

    /// Creates or removes the maintenance file.
    func maintain(_ isMaintained: Bool) throws {
        try program.node.demand(isMaintained ? ["touch", "/run/nginx/maintenance"] : ["rm", "/run/nginx/maintenance"])
    }
}

/// OpenSSH's server.
func secureShellServer(on node: Node) throws -> RealServer {
    let server = try RealServer(
        "sshd", on: node,
        files: ["sshd_config": "ListenAddress \(node.address):22\nHostKey /run/sshd/key\nPidFile none\nUsePAM no\nMaxStartups 100\n"],
        command: ["/usr/sbin/sshd", "-D", "-e", "-f", "/run/sshd/sshd_config"])
    try node.demand(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/run/sshd/key"])
    return server
}

/// OpenLDAP's server, without data: it answers binds.
func directoryServer(on node: Node) throws -> RealServer {
    try RealServer(
        "slapd", on: node, files: ["slapd.conf": "include /etc/ldap/schema/core.schema\npidfile /run/slapd/pid\n"],
        command: ["slapd", "-f", "/run/slapd/slapd.conf", "-h", "ldap://\(node.address):389/", "-d", "0"])
}

/// Postfix, as far as it answers a mail client's greeting.
func mailServer(on node: Node) throws -> RealServer {
    let main = """
        compatibility_level = 3.6
        queue_directory = /run/postfix/spool
        data_directory = /run/postfix/data
        inet_interfaces = all
        inet_protocols = ipv4
        myhostname = \(node.name)
        maillog_file = /run/postfix/log
        maillog_file_prefixes = /run
        smtpd_peername_lookup = no
        local_recipient_maps =
        alias_maps =

        """
    let services = """
        \(node.address):25 inet n - n - - smtpd
        rewrite unix - - n - - trivial-rewrite
        anvil unix - - n - 1 anvil
        proxymap unix - - n - - proxymap
        postlog unix-dgram n - n - 1 postlogd

        """
    let queues = ["pid", "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "private", "public", "saved", "trace"]
    let server = try RealServer(
        "postfix", on: node, folders: ["data", "etc", "spool"] + queues.map { "spool/\($0)" }, files: ["etc/main.cf": main, "etc/master.cf": services],
        processes: .family, command: ["/usr/lib/postfix/sbin/master", "-c", "/run/postfix/etc", "-d"])
    try node.demand([
        "bash", "-c",
        "cd /run/postfix && chown postfix data spool/* && chown root spool/pid && chmod 700 spool/private && chgrp postdrop spool/public && chmod 710 spool/public",
    ])
    return server
}

/// Mosquitto, an MQTT broker.
func messageBroker(on node: Node) throws -> RealServer {
    try RealServer(
        "mosquitto", on: node, files: ["mosquitto.conf": "listener 1883 \(node.address)\nallow_anonymous true\nuser root\n"],
        command: ["mosquitto", "-c", "/run/mosquitto/mosquitto.conf"])
}
