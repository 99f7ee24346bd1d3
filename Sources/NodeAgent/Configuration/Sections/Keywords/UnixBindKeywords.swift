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
            case "prefix": global.unixBind.prefix = try line.takeText("the beginning of a path")
            case "mode": global.unixBind.permissions = try line.takePermissions()
            case "user": global.unixBind.user = try line.takeText("a user's name")
            case "uid": global.unixBind.user = try String(line.takeNumber(in: 0...999_999_999))
            case "group": global.unixBind.group = try line.takeText("a group's name")
            case "gid": global.unixBind.group = try String(line.takeNumber(in: 0...999_999_999))
            default: throw .unknownWord(word, of: line.keyword, allowed: options, suggestion: Spelling.nearest(to: word, among: options))
            }
        }
    }
}

extension UnixBindSettings {
    /// Applies the settings to a bind on a path, but not on an abstract name. The options of its own line take precedence.
    func apply(to bind: inout Bind) {
        guard case .unix(let path) = bind.endpoint, !SocketAddress.isAbstract(path) else { return }
        bind.endpoint = .unix(prefix + path)
        bind.permissions = bind.permissions ?? permissions
        (bind.user, bind.group) = (bind.user ?? user, bind.group ?? group)
    }
}
