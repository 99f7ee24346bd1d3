import Proxy
import Wire

/// `unix-bind`: the defaults of `bind` lines with paths.
enum UnixBindKeywords {
    static let global: [Keyword<GlobalSettings>] = [
        Keyword(
            "unix-bind", .global, "[prefix <text>] [mode <permissions>] [user <name>|uid <number>] [group <name>|gid <number>]", repetition: .many,
            "Text before the paths of `bind` lines in proxies, and the permission bits, owner and group of these paths.", unixBind)
    ]

    private static let options = ["prefix", "mode", "user", "uid", "group", "gid"]

    @Sendable private static func unixBind(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        while let word = line.take() {
            switch word {
            case "prefix": try takePrefix(&global.unixBind, &line)
            case "mode": global.unixBind.permissions = try line.takePermissions()
            case "user": global.unixBind.user = LocatedText(text: try line.takeText("a user's name"), location: line.location)
            case "uid": global.unixBind.user = LocatedText(text: try String(line.takeNumber(in: 0...999_999_999)), location: line.location)
            case "group": global.unixBind.group = LocatedText(text: try line.takeText("a group's name"), location: line.location)
            case "gid": global.unixBind.group = LocatedText(text: try String(line.takeNumber(in: 0...999_999_999)), location: line.location)
            default: throw .unknownWord(word, of: line.keyword, allowed: options, suggestion: Spelling.nearest(to: word, among: options))
            }
        }
    }

    /// Takes a prefix. As in HAProxy, the first one counts.
    private static func takePrefix(_ settings: inout UnixBindSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let prefix = try line.takeText("the beginning of a path")
        if let first = settings.prefix?.location {
            return line.warn(.custom("duplicate 'unix-bind prefix'", advice: "the first one counts, as in HAProxy: remove this one, or that at \(first)"))
        }
        settings.prefix = LocatedText(text: prefix, location: line.location)
    }
}

extension UnixBindSettings {
    /// Checks that the owner and the group exist, even if no socket needs them: the message names the line to correct.
    func requireAccounts(_ accounts: AccountFiles) throws(StartError) {
        if let user { _ = try accounts.userIdentifier(user.text, for: "\(user.location): 'unix-bind'") }
        if let group { _ = try accounts.groupIdentifier(group.text, for: "\(group.location): 'unix-bind'") }
    }

    /// Applies the settings to a bind on a path, but not on an abstract name. The options of its own line take precedence.
    func apply(to bind: inout Bind) {
        guard case .unix(let path) = bind.endpoint, !SocketAddress.isAbstract(path) else { return }
        bind.endpoint = .unix((prefix?.text ?? "") + path)
        bind.permissions = bind.permissions ?? permissions
        (bind.user, bind.group) = (bind.user ?? user?.text, bind.group ?? group?.text)
    }
}
