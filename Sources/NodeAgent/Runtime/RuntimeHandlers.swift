import Proxy
import Wire

/// Implementations of the longer commands. Sentences that scripts compare are those of HAProxy 3.5.
extension RuntimeCommand {
    /// The answer of `body` to a command about a server, or the text of its error.
    static func onServer(_ call: RuntimeCall, _ body: (ServerReference) throws(RuntimeTargetError) -> AnswerText) -> AnswerText {
        do throws(RuntimeTargetError) { return try body(try call.target.server(try serverName(call))) } catch { return .error(error.text + "\n") }
    }

    /// Parses the first argument, `backend/server`.
    private static func serverName(_ call: RuntimeCall) throws(RuntimeTargetError) -> ServerName {
        let text = call.argument(0)
        guard let slash = text.firstIndex(of: "/"), slash > text.startIndex, text.index(after: slash) < text.endIndex else {
            throw .refused("Require 'backend/server'.")
        }
        return ServerName(backend: String(text[..<slash]), server: String(text[text.index(after: slash)...]))
    }

    /// The answer of `body`, or the text of its error.
    static func answer(_ body: () throws(RuntimeTargetError) -> String) -> AnswerText {
        do throws(RuntimeTargetError) { return AnswerText(try body()) } catch { return .error(error.text + "\n") }
    }

    /// Answers `disable server b/s` and `enable server b/s`. Mistakes in the words are reported before unknown names.
    static func setState(_ state: AdministrativeState, _ call: RuntimeCall) -> AnswerText {
        do throws(RuntimeTargetError) {
            let (name, scope) = (try serverName(call), try call.scope(from: 1))
            return try call.target.setState(state, of: try call.target.server(name), scope)
        } catch {
            return .error(error.text + "\n")
        }
    }

    /// Answers `set server b/s state S` and `set server b/s weight W`.
    static func setServer(_ call: RuntimeCall) -> AnswerText {
        onServer(call) { server throws(RuntimeTargetError) in
            switch call.argument(1) {
            case "state":
                guard let state = AdministrativeState(rawValue: call.argument(2)) else {
                    throw .refused("'set server <srv> state' expects 'ready', 'drain' and 'maint'.")
                }
                return try call.target.setState(state, of: server, try call.scope(from: 3))
            case "weight":
                return try setWeight(call, of: server, to: call.argument(2), scopeFrom: 3)
            case let word where serverOptions.contains(word):
                throw .refused("'set server <srv> \(word)' is not supported; use 'state' or 'weight'.")
            default:
                throw .refused("usage: set server <backend>/<server> " + serverOptions.joined(separator: " | "))
            }
        }
    }

    private static let serverOptions = [
        "addr", "agent", "agent-addr", "agent-port", "agent-send", "check-addr", "check-port", "fqdn", "health", "name", "ssl", "state", "weight",
    ]

    /// Sets a weight from `N` (0 to 256) or `N%` (of the configured weight). As in HAProxy, static algorithms accept only 0 and the configured weight.
    static func setWeight(_ call: RuntimeCall, of server: ServerReference, to text: String, scopeFrom index: Int) throws(RuntimeTargetError) -> AnswerText {
        let present = call.target.weight(of: server)
        let weight = try weight(text, initial: present.initial)
        guard !present.isStatic || weight == 0 || weight == present.initial else {
            throw .refused("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.")
        }
        return try call.target.setWeight(weight, of: server, try call.scope(from: index))
    }

    /// Parses a weight. The relative form is at most 256, as in HAProxy.
    static func weight(_ text: String, initial: Int) throws(RuntimeTargetError) -> Int {
        guard !text.isEmpty else { throw .refused("Require <weight> or <weight%>.") }
        let isNegative = text.hasPrefix("-")
        let digits = text.dropFirst(isNegative || text.hasPrefix("+") ? 1 : 0).prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty else { throw .refused("Empty weight string empty or preceded by garbage") }
        let number = Int(digits) ?? Int.max
        switch text[digits.endIndex...] {
        case "%":
            guard !isNegative || number == 0 else { throw .refused("Relative weight must be positive.") }
            return Server.weight(percent: number, of: initial)
        case let rest:
            guard number <= (isNegative ? 0 : 256) else { throw .refused("Absolute weight can only be between 0 and 256 inclusive.") }
            guard rest.isEmpty else { throw .refused("Trailing garbage in weight string") }
            return number
        }
    }

    /// Answers `set timeout cli N`.
    static func setTimeout(_ call: RuntimeCall, _ session: inout RuntimeSession) -> AnswerText {
        guard call.argument(0) == "cli" else { return .error("'set timeout' only supports 'cli'.\n") }
        guard !call.argument(1).isEmpty else { return .error("Expects an integer value.\n") }
        guard let timeout = ConfigurationValue.time(call.argument(1), standard: "s"), timeout > .zero else { return .error("Invalid timeout value.\n") }
        session.timeout = timeout
        return AnswerText("")
    }

    /// Answers `drain`, `drain force` and `drain cancel`.
    static func drain(_ call: RuntimeCall) -> AnswerText {
        answer { () throws(RuntimeTargetError) in
            switch call.arguments {
            case []: try call.target.drain(.careful)
            case ["force"]: try call.target.drain(.forced)
            case ["cancel"]: call.target.cancelDrain()
            default: throw .refused("'drain' takes only 'force' or 'cancel'.")
            }
        }
    }

    /// Answers `show stat` with its filters.
    static func showStatistics(_ call: RuntimeCall, _ session: RuntimeSession) -> AnswerText {
        if let refusal = unsupportedForm(call.arguments) { return refusal }
        if call.argument(0) == "domain" {
            guard call.argument(1) == "proxy" else {
                return .error("Only domain 'proxy' is supported; omit 'domain' for the same answer.\n")
            }
            return showStatistics(RuntimeCall(target: call.target, arguments: Array(call.arguments.dropFirst(2))), session)
        }
        var filter = StatisticsFilter()
        if call.arguments.count >= 3 {
            let name = call.argument(0)
            if name == "-1" {
                filter.proxies = .all
            } else if call.target.statistics.outlines.contains(where: { $0.name == name }) {
                filter.proxies = .name(name)
            } else if let identifier = Int(name), identifier > 0 {
                filter.proxies = .identifier(identifier)
            } else {
                return .error("No such proxy.\n")
            }
            filter.kinds = Int(call.argument(1)) ?? 0
            let server = Int(call.argument(2)) ?? 0
            filter.server = server == -1 ? nil : server
        }
        filter.hidesDown = call.arguments.contains("up")
        filter.hidesMaintenance = call.arguments.contains("no-maint")
        return call.target.statistics.csv(filter, showsAddresses: session.level >= .operator)
    }

    /// The answer to an output form that is not supported; `nil` for the plain form.
    static func unsupportedForm(_ arguments: [String]) -> AnswerText? {
        guard let form = arguments.first(where: { ["typed", "json", "desc", "float"].contains($0) }) else { return nil }
        return .error("Form '\(form)' is not supported; omit it for the plain form.\n")
    }
}
