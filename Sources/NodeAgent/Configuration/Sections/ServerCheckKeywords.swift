import Proxy
import Wire

/// The options of a server that concern its checks.
extension ServerKeywords {
    static let thresholdMax = 1_000_000

    static let checkKeywords: [Keyword] = [
        Keyword("addr", .server, "<address>", "Where to check, when not at the server's address; a name is looked up at the start.", .server(address)),
        Keyword("check", .server, "", "Checks the server.", .server(check)),
        Keyword("check-send-proxy", .server, "", "Checks begin with a PROXY header also where they go to another address or port.", .server(checkSendProxy)),
        Keyword("downinter", .server, "<time>", "The time between checks while it is down; `inter` without it.", .server(downInterval)),
        Keyword("fall", .server, "<number>", "Failures in a row that take it down; 3 without it.", .server(fall)),
        Keyword("fastinter", .server, "<time>", "The time between checks while its state changes; `inter` without it.", .server(fastInterval)),
        Keyword("inter", .server, "<time>", "The time between checks; 2s without it.", .server(interval)),
        Keyword("no-check", .server, "", "Undoes a `check` of `default-server`.", .server(noCheck)),
        Keyword("no-check-send-proxy", .server, "", "Undoes a `check-send-proxy` of `default-server`.", .server(noCheckSendProxy)),
        Keyword("port", .server, "<port>", "Where to check, when not at the server's port.", .server(port)),
        Keyword("rise", .server, "<number>", "Passes in a row that bring it up; 2 without it.", .server(rise)),
    ]

    @Sendable private static func check(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.isChecked = true }

    @Sendable private static func noCheck(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.isChecked = false }

    @Sendable private static func checkSendProxy(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isForAllChecks = true }

    @Sendable private static func noCheckSendProxy(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isForAllChecks = false }

    @Sendable private static func interval(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.interval = try line.needPositiveTime()
    }

    @Sendable private static func fastInterval(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.fastInterval = try line.needPositiveTime()
    }

    @Sendable private static func downInterval(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.downInterval = try line.needPositiveTime()
    }

    @Sendable private static func rise(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.rise = try line.needNumber(in: 1...thresholdMax)
    }

    @Sendable private static func fall(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.fall = try line.needNumber(in: 1...thresholdMax)
    }

    @Sendable private static func port(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.port = try UInt16(line.needNumber(in: 1...65_535))
    }

    @Sendable private static func address(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        (draft.check.address, draft.check.addressName) = (nil, nil)
        switch try AddressReader(line).readCheckAddress(line.need()) {
        case .ip(let address, _): draft.check.address = address
        case .name(let name, _): draft.check.addressName = name
        case .unix, .inherited: return
        }
    }
}
