import Patterns
import Wire

/// A check that connects, sends and expects: the rules of `option tcp-check` or `option httpchk`, or a protocol's own check (`ProtocolChecks`).
package struct CheckScript: Equatable, Sendable {
    /// The family of the rules, which determines what answers are and which texts HAProxy reports.
    package enum Kind: Equatable, Sendable {
        /// `option tcp-check`: answers are bytes.
        case tcp
        /// `option httpchk`: answers are HTTP responses.
        case http
        /// The check of a protocol: answers are bytes, and texts come from its rules only.
        case other
    }

    /// The most rules of a script.
    package static let stepsMax = 256
    /// The most bytes of an answer and of a message, whatever `tune.bufsize` allows: each read searches the answer again, on the thread of all checks.
    package static let bytesMax = 262_144

    /// The family of the rules.
    package let kind: Kind
    /// The steps; the first step that does not change a variable connects.
    package let steps: [CheckStep]
    /// `http-check disable-on-404`: status 404 of a running server is a conditional pass.
    package let passesOn404: Bool
    /// `http-check send-state`: requests contain how this node sees the server.
    package let sendsState: Bool
    /// The words of the lines that describe the steps, without comments. Nodes compare them in place of the steps, because they are the same in all releases.
    package var words: [String]

    /// Creates a script. Unless the first step connects, a connect with the server's settings comes before it.
    package init(_ kind: Kind, _ steps: [CheckStep] = [], passesOn404: Bool = false, sendsState: Bool = false, words: [String] = []) {
        (self.kind, self.passesOn404, self.sendsState, self.words) = (kind, passesOn404, sendsState, words)
        let first = steps.first { !$0.action.isAssignment }
        if case .connect? = first?.action { self.steps = steps } else { self.steps = [CheckStep(number: 0, .connect(.implied))] + steps }
    }

    /// True when a step has its own address or port.
    package var connectsElsewhere: Bool {
        steps.contains { if case .connect(let connect) = $0.action { connect.isElsewhere } else { false } }
    }

    /// True when every connect has its own port, so that the server needs none.
    package var hasOwnPorts: Bool {
        steps.allSatisfy { if case .connect(let connect) = $0.action { connect.hasOwnPort } else { true } }
    }
}

/// A rule of a script.
package struct CheckStep: Equatable, Sendable {
    /// What a step does.
    package enum Action: Equatable, Sendable {
        /// Opens a connection, after closing the previous one.
        case connect(CheckConnect)
        /// Sends a message. Bytes that have been received are dropped.
        case send(CheckMessage)
        /// Waits for an answer.
        case expect(CheckExpectation)
        /// `set-var`: stores a value.
        case set(variable: String, CheckExpression)
        /// `set-var-fmt`: stores a text.
        case setText(variable: String, CheckFormat)
        /// `unset-var`: removes a variable.
        case unset(variable: String)

        /// True for a change of a variable.
        package var isAssignment: Bool { kind == .assignment }

        /// What it is, without its settings.
        package var kind: Kind {
            switch self {
            case .connect: .connect
            case .send: .send
            case .expect: .expect
            case .set, .setText, .unset: .assignment
            }
        }
    }

    /// A kind of step, with the word of its rules except for variables.
    package enum Kind: String, Sendable {
        case connect, send, expect
        /// A change of a variable.
        case assignment
    }

    /// The place among the rules of the file, from 1, as in HAProxy's texts; 0 for a connect that no rule asks for.
    package let number: Int
    /// What it does.
    package let action: Action
    /// The comment in messages; `nil` for none.
    package var comment: String?

    /// Creates a step.
    package init(number: Int, _ action: Action, comment: String? = nil) { (self.number, self.action, self.comment) = (number, action, comment) }
}

/// `tcp-check connect`, `http-check connect`.
package struct CheckConnect: Equatable, Sendable {
    /// Where a port comes from.
    package enum Port: Equatable, Sendable {
        /// A number.
        case fixed(UInt16)
        /// An expression; the server's port is used while it has no value from 1 to 65535.
        case expression(CheckExpression)
    }

    /// A connect that no rule asks for.
    package static let implied = CheckConnect(isImplied: true, usesServerOptions: true)

    /// `port`; `nil` for the port of the server's checks.
    package var port: Port?
    /// `addr`; `nil` for the address of the server's checks.
    package var address: IPAddress?
    /// The port of `addr`, for a rule without `port`.
    package var addressPort: UInt16?
    /// `send-proxy`: always sends a PROXY header.
    package var sendsProxyHeader = false
    /// `linger`: closes with a FIN instead of a RST.
    package var lingers = false
    /// True for a connect that no rule asks for.
    package let isImplied: Bool
    /// `default`: sends a PROXY header if the server's checks do.
    package var usesServerOptions: Bool

    /// Creates a rule without options.
    package init(isImplied: Bool = false, usesServerOptions: Bool = false) { (self.isImplied, self.usesServerOptions) = (isImplied, usesServerOptions) }

    /// True when it has its own address or port.
    var isElsewhere: Bool { port != nil || address != nil }

    /// True when the file names the port.
    var hasOwnPort: Bool { if case .fixed? = port { true } else { addressPort != nil } }
}

/// The bytes that a step sends.
package enum CheckMessage: Equatable, Sendable {
    /// `send`, `send-binary`.
    case bytes([UInt8])
    /// `send-lf`.
    case text(CheckFormat)
    /// `send-binary-lf`: the format gives hexadecimal digits.
    case hexadecimal(CheckFormat)
    /// `http-check send`.
    case request(HTTPCheckRequest)
}

/// `http-check send`, and the request of `option httpchk`.
package struct HTTPCheckRequest: Equatable, Sendable {
    /// A header of the request.
    package struct Header: Equatable, Sendable {
        /// The name, as written.
        package let name: String
        /// The value; a header without a value is not sent.
        package let value: CheckFormat

        /// Creates a header.
        package init(name: String, value: CheckFormat) { (self.name, self.value) = (name, value) }
    }

    /// The method; `nil` for OPTIONS.
    package var method: String?
    /// The target; `nil` for "/".
    package var target: CheckFormat?
    /// The version; `nil` for HTTP/1.0.
    package var version: String?
    /// The headers, without those of the body's length.
    package var headers: [Header] = []
    /// The body; `nil` for none.
    package var body: CheckFormat?

    /// Creates HAProxy's default request.
    package init() {}

    /// The request of two lines that describe the same request. A part of the later line replaces that of the earlier one.
    package func replaced(by later: HTTPCheckRequest) -> HTTPCheckRequest {
        var request = self
        request.method = later.method ?? method
        request.target = later.target ?? target
        request.version = later.version ?? version
        request.body = later.body ?? body
        if !later.headers.isEmpty { request.headers = later.headers }
        return request
    }
}
