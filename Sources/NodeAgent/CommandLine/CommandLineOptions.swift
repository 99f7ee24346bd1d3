import Glibc
import Wire

/// The command line's options, with HAProxy's letters.
struct CommandLineOptions: Equatable, Sendable {
    /// The action to perform.
    enum Action: Equatable, Sendable {
        /// Run the proxy.
        case run
        /// `-c`: check the configuration and report its problems, exit 0 or 1.
        case check
        /// `-v`: print the version, exit 0.
        case version
        /// `-vv`: print the version and how it was built, exit 0.
        case build
        /// `-h`, `--help`: print the usage, exit 1, or 0 after a subcommand.
        case help
        /// `keygen`: print a new ring key.
        case makeKey
        /// `keys`: show or change the ring keys of the node and its file.
        case keys(KeyCommand)
        /// `drain`: stop the running node without a failed connect.
        case drain(DrainForce)
    }

    /// The action to perform.
    var action = Action.run
    /// `-f`, and everything after `--`: files and directories, in order.
    var configurations: [String] = []
    /// `-V`: print the result of `-c` even with `-q`.
    var isVerbose = false
    /// `-q`: print only errors.
    var isQuiet = false
    /// `-dW`: refuse a configuration with warnings.
    var refusesWarnings = false
    /// `-D`: go to the background.
    var isDaemon = false
    /// `-db` or `-d`: stay in the foreground, whatever the file says.
    var staysInForeground = false
    /// `-p`: the pid file; takes precedence over `pidfile`.
    var pidFile: String?
    /// `-L`: this node's name.
    var localName: String?
    /// `-W`, `-Ws`: run as a master, which starts the worker process and restarts it after a crash.
    var isMaster = false
    /// `-S`: the master's command socket, with the words of `stats socket` separated by commas.
    var masterSocket: String?
    /// `-x`: the runtime socket of the process to take the sockets over from.
    var predecessorSocket: String?
    /// `-sf`: processes that end with their last session, once this one serves.
    var finishing: [Int32] = []
    /// `-st`: processes that end immediately, once this one serves.
    var terminating: [Int32] = []

    /// Standard options without configuration files.
    init() {}

    /// Parses the arguments after the program's name. Single letters may be joined, as in `-cV`; the value of an option is the next argument.
    static func parse(_ arguments: [String]) throws(CommandLineError) -> CommandLineOptions {
        switch arguments.first {
        case "keygen": return try parseMakeKey(arguments.dropFirst())
        case "keys": return try parseKeys(arguments.dropFirst())
        case "drain": return try parseDrain(arguments.dropFirst())
        default: break
        }
        var options = CommandLineOptions()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--":
                options.configurations += rest
                rest = []
            case "-v": options.action = .version
            case "-vv": options.action = .build
            case "-h", "--help": options.action = .help
            case "-db": options.staysInForeground = true
            case "-dW": options.refusesWarnings = true
            case "-f": options.configurations.append(try value(after: argument, &rest))
            case "-p": options.pidFile = try value(after: argument, &rest)
            case "-L": options.localName = try value(after: argument, &rest)
            case "-S": options.masterSocket = try value(after: argument, &rest)
            case "-x": options.predecessorSocket = try value(after: argument, &rest)
            case "-sf": options.finishing += processes(&rest)
            case "-st": options.terminating += processes(&rest)
            case "-W": options.isMaster = true
            case "-Ws": (options.isMaster, options.staysInForeground) = (true, true)
            default: try options.setFlags(argument)
            }
            if options.action == .version || options.action == .build || options.action == .help { return options }
        }
        guard !options.configurations.isEmpty else { throw .noConfiguration }
        return options
    }

    private static func parseMakeKey(_ arguments: ArraySlice<String>) throws(CommandLineError) -> CommandLineOptions {
        var options = CommandLineOptions()
        options.action = .makeKey
        guard let argument = arguments.first else { return options }
        guard argument == "-h" || argument == "--help" else { throw .surplus(of: "keygen") }
        options.action = .help
        return options
    }

    /// Parses `-f` at any place, a command, and its identifier. Errors never repeat words, because one of them may be a key.
    private static func parseKeys(_ arguments: ArraySlice<String>) throws(CommandLineError) -> CommandLineOptions {
        var options = CommandLineOptions()
        var words: [String] = []
        var rest = arguments
        while let argument = rest.popFirst() {
            switch argument {
            case "-f": options.configurations.append(try value(after: argument, &rest))
            case "-h", "--help":
                options.action = .help
                return options
            default: words.append(argument)
            }
        }
        options.action = .keys(try keyCommand(words))
        guard !options.configurations.isEmpty else { throw .noConfiguration }
        return options
    }

    /// Parses `-f` at any place, and `--force`.
    private static func parseDrain(_ arguments: ArraySlice<String>) throws(CommandLineError) -> CommandLineOptions {
        var options = CommandLineOptions()
        options.action = .drain(.careful)
        var rest = arguments
        while let argument = rest.popFirst() {
            switch argument {
            case "-f": options.configurations.append(try value(after: argument, &rest))
            case "--force": options.action = .drain(.forced)
            case "-h", "--help":
                options.action = .help
                return options
            default: throw argument.hasPrefix("-") ? .unknownOption(argument) : .unexpected(argument)
            }
        }
        guard !options.configurations.isEmpty else { throw .noConfiguration }
        return options
    }

    private static func keyCommand(_ words: [String]) throws(CommandLineError) -> KeyCommand {
        guard let name = words.first else { throw .unknownKeyCommand }
        switch name {
        case "list", "install":
            guard words.count == 1 else { throw name == "list" ? .surplus(of: "keys list") : .keyOnCommandLine }
            return name == "list" ? .list : .install
        case "use", "remove":
            guard words.count <= 2 else { throw .surplus(of: "keys \(name) ID") }
            guard words.count == 2, let id = Hexadecimal.number(words[1], digits: 8) else { throw .badKeyIdentifier(of: name) }
            return name == "use" ? .use(UInt32(truncatingIfNeeded: id)) : .remove(UInt32(truncatingIfNeeded: id))
        default: throw .unknownKeyCommand
        }
    }

    private static func value(after option: String, _ rest: inout ArraySlice<String>) throws(CommandLineError) -> String {
        guard let value = rest.popFirst() else { throw .missingValue(option) }
        return value
    }

    /// The process identifiers that follow; empty if a shell has found no pid file.
    private static func processes(_ rest: inout ArraySlice<String>) -> [Int32] {
        var processes: [Int32] = []
        while let process = rest.first.flatMap({ Int32($0) }), process > 0 {
            processes.append(process)
            rest.removeFirst()
        }
        return processes
    }

    private mutating func setFlags(_ argument: String) throws(CommandLineError) {
        guard argument.hasPrefix("-"), argument.utf8.count > 1 else { throw .unexpected(argument) }
        // HAProxy's -dD, -dM and so on are separate options, not joined letters.
        guard !argument.hasPrefix("-d") || argument == "-d" else { throw .unknownOption(argument) }
        for flag in argument.dropFirst() {
            switch flag {
            case "c": action = .check
            case "V": isVerbose = true
            case "q": isQuiet = true
            case "D": isDaemon = true
            case "d": staysInForeground = true
            case "W": isMaster = true
            default: throw .unknownOption(argument)
            }
        }
    }

    /// Whether to go to the background, given `daemon` in the file; `-d` and `-db` take precedence.
    func runsAsDaemon(configured: Bool) -> Bool { !staysInForeground && action == .run && (isDaemon || configured) }

    /// The output of `-c` for a valid configuration, as HAProxy 2.6 prints it. `-q` and `quiet` hide it, except with `-V`.
    func validText(hasWarnings: Bool, isQuiet: Bool) -> String {
        guard !isQuiet || isVerbose else { return "" }
        return (hasWarnings ? "Warnings were found.\n" : "") + "Configuration file is valid\n"
    }
}

/// An invalid command line. The usage is printed with it to stderr, and the exit code is 1.
enum CommandLineError: Error, Equatable, CustomStringConvertible {
    /// An option that does not exist.
    case unknownOption(String)
    /// A word instead of an option.
    case unexpected(String)
    /// An option without its value.
    case missingValue(String)
    /// No `-f`.
    case noConfiguration
    /// An extra word after a subcommand.
    case surplus(of: String)
    /// `keys` without one of its four commands.
    case unknownKeyCommand
    /// `keys use` or `keys remove` without an identifier.
    case badKeyIdentifier(of: String)
    /// `keys install` with a word, which `ps` would show to every user.
    case keyOnCommandLine

    /// The sentence to print before the usage.
    var description: String {
        switch self {
        case .unknownOption(let option): "unknown option '\(option)'"
        case .unexpected(let word): "unexpected '\(word)': write '-f \(word)' to read it as a configuration"
        case .missingValue(let option): "'\(option)' needs a value after it"
        case .noConfiguration: "no configuration: name at least one file or directory with '-f'"
        case .surplus(let command): "unexpected word after '\(command)'"
        case .unknownKeyCommand: "'keys' needs one of list, install, use ID, remove ID"
        case .badKeyIdentifier(let command): "'keys \(command)' needs the 8 hexadecimal digits that 'tsukada keys list' shows"
        case .keyOnCommandLine: "'keys install' reads the key from stdin, so that it stays out of the process list: 'tsukada keys -f FILE install < KEYFILE'"
        }
    }
}

extension CommandLineOptions {
    /// The pid file to write; `nil` for none. As in HAProxy, `pidfile` is only for daemons.
    func pidFileToWrite(_ global: GlobalSettings, isDaemon: Bool) -> String? { pidFile ?? (isDaemon ? global.pidFile : nil) }

    /// Whether this process replaces others, and so their UNIX paths.
    var replacesOthers: Bool { !finishing.isEmpty || !terminating.isEmpty }

    /// Signals the processes of `-sf` and `-st` to end, because this one serves.
    func stopReplacedProcesses() {
        for process in finishing { kill(process, SIGUSR1) }
        for process in terminating { kill(process, SIGTERM) }
    }
}
