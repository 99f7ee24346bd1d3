/// The texts of `-v`, `-vv` and the usage.
enum CommandLineText {
    /// The first line of `-v` and `-vv`.
    static let versionLine = "tsukada version \(Release.version) (reads HAProxy 3.5's configuration)\n"

    /// The output of `-vv`.
    static let build =
        versionLine + """
            Runtime socket reports: \(Release.reportedVersion)
            Built for: Linux, Swift 6
            Polling: epoll
            Balancing: roundrobin, leastconn, source
            Protocols: TCP over IPv4, IPv6 and UNIX sockets; health checks: connect, external, http, ldap, mysql, pgsql, redis, smtp, tcp, tls

            """

    /// The first words of a command line that are not HAProxy options.
    static let subcommands = ["keygen", "keys", "drain"]

    /// The usage, or only that of a subcommand.
    static func usage(of subcommand: String?) -> String {
        switch subcommand {
        case "keygen", "keys": keys
        case "drain": drain
        default: run + "\n" + keys + "\n" + drain
        }
    }

    private static let run = """
        Usage: tsukada -f <file|directory> [-f ...] [-cVDdqW] [-db] [-dW] [-Ws] [-S <address>] [-p <file>] [-L <name>]
                       [-x <socket>] [-sf <pid> ...] [-st <pid> ...] [-- <file> ...]
            -f   read this configuration file, or every .cfg file of this directory; may be repeated
            -c   check the configuration and exit, with 0 when it is valid
            -V   with -c -q, report a valid configuration
            -q   hide warnings, notices and the report of -c on a valid configuration
            -dW  refuse a configuration with warnings
            -D   run in the background
            -d   stay in the foreground
            -db  stay in the foreground
            -p   write the process ID to this file
            -L   this node's name (default: the host name)
            -W   run a master, which starts the worker process and restarts it when it dies
            -Ws  run a master in the foreground, for systemd (Type=notify)
            -S   the master's command socket: a path or an address, then options, separated by commas
            -x   take over the sockets of the process with this runtime socket (needs 'expose-fd listeners')
            -sf  soft-stop these processes once this one serves: they end after their last session
            -st  stop these processes at once when this one serves
            -v   print the version; -vv also prints build details
            -h   print this text
            --   all following arguments are configuration files

        """

    private static let keys = """
        Manage the keys of the section 'gossip':
            tsukada keygen                       print a new key
            tsukada keys -f <file> list          show the IDs of the node's keys and the nodes that hold them
            tsukada keys -f <file> install       add the key on stdin to the keys that the node receives with
            tsukada keys -f <file> use <id>      send with this key
            tsukada keys -f <file> remove <id>   remove this key

        """

    private static let drain = """
        Stop the running node without a failed connect:
            tsukada drain -f <file> [--force]    refused while another node drains, except with --force

        """
}
