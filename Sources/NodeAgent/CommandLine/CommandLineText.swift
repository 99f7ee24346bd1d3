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
            Protocols: TCP over IPv4, IPv6 and UNIX sockets; health checks: connect, mysql

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
        Usage: tsukada -f <file|directory> [-f ...] [-cVDdqW] [-db] [-Ws] [-S <address>] [-p <file>] [-L <name>]
                       [-x <socket>] [-sf <pid> ...] [-st <pid> ...] [-- <file> ...]
            -f   read this configuration file, or every .cfg file of this directory; may be repeated
            -c   check the configuration and exit: 0 when it is valid
            -V   say more
            -q   say less
            -D   run in the background
            -d   stay in the foreground
            -db  stay in the foreground
            -p   write the process's number to this file
            -L   this node's name (default: the host's)
            -W   run a master, which starts the process that works, and starts it again when it dies
            -Ws  the same for systemd (Type=notify), in the foreground
            -S   where the master listens for commands: a path or an address, options after commas
            -x   take the sockets over from the process with this runtime socket ('expose-fd listeners')
            -sf  let these processes end with their last session, once this one serves
            -st  end these processes, once this one serves
            -v   print the version; -vv also tells how it was built
            -h   print this text
            --   what follows are configuration files

        """

    private static let keys = """
        Keys of the section 'gossip':
            tsukada keygen                       print a new key
            tsukada keys -f <file> list          show the ids of the node's keys, and which nodes hold them
            tsukada keys -f <file> install       receive with the key that stands on stdin, too
            tsukada keys -f <file> use <id>      send with this key
            tsukada keys -f <file> remove <id>   give this key up

        """

    private static let drain = """
        Stop the running node without a failed connect:
            tsukada drain -f <file> [--force]    unless another node drains; --force: although it does

        """
}
