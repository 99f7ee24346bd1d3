import Patterns
import Wire

/// The checks of protocols, as scripts. The rules are those of HAProxy's options, in the order of its texts' step numbers.
package enum ProtocolChecks {
    /// `option redis-check`: PING, and +PONG.
    package static let redis = CheckScript(
        .other,
        [
            CheckStep(number: 1, .send(.bytes(Array("*1\r\n$4\r\nPING\r\n".utf8)))),
            expectation(2, .string(Array("+PONG\r\n".utf8))) {
                ($0.failureStatus, $0.failureText) = (.layer7WrongStatus, line)
                $0.passText = text("Redis server is ok")
            },
        ])

    /// `option pgsql-check user USER`: a startup message, and a request for authentication or a login without one.
    package static func postgreSQL(user: String) -> CheckScript {
        CheckScript(
            .other,
            [
                CheckStep(number: 1, .connect(lingering)),
                CheckStep(number: 2, .send(.bytes(startupMessage(user)))),
                expectation(3, .expression(pattern("^E"))) {
                    ($0.isNegated, $0.bytesMin) = (true, 5)
                    $0.failureText = payload(from: 6)
                },
                expectation(4, .binaryExpression(pattern("^52000000[A-Z0-9]{2}000000(00|02|03|04|05|06|07|09|0A)"))) {
                    ($0.bytesMin, $0.failureStatus) = (9, .layer7WrongStatus)
                    ($0.passText, $0.failureText) = (text("PostgreSQL server is ok"), text("PostgreSQL unknown error"))
                },
            ])
    }

    /// `option smtpchk`: the greeting, HELO or EHLO, and QUIT.
    ///
    /// - Parameter command: "HELO localhost".
    package static func smtp(_ command: String) -> CheckScript {
        CheckScript(
            .other,
            [
                CheckStep(number: 1, .connect(lingering)),
                expectation(2, .expression(pattern("^[0-9]{3}[ \\r]"))) { ($0.bytesMin, $0.failureText) = (4, line) },
                reply(3, "^2[0-9]{2}[ \\r]") { ($0.bytesMin, $0.passText) = (4, nil) },
                CheckStep(number: 4, .send(.bytes(Array("\(command)\r\n".utf8)))),
                reply(5, "^(2[0-9]{2}-[^\\r]*\\r\\n)*2[0-9]{2}[ \\r]"),
                CheckStep(number: 6, .send(.bytes(Array("QUIT\r\n".utf8)))),
                reply(7, "^2[0-9]{2}[- \\r]") { $0.bytesMin = 4 },
            ])
    }

    /// `option ldap-check`: an anonymous bind, and its success.
    package static let ldap = CheckScript(
        .other,
        [
            // LDAPMessage { messageID 1, bindRequest { version 3, name "", simple "" } }
            CheckStep(number: 1, .send(.bytes([0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07, 0x02, 0x01, 0x03, 0x04, 0x00, 0x80, 0x00]))),
            expectation(2, .binaryExpression(pattern("^30"))) { ($0.bytesMin, $0.failureText) = (14, text("Not LDAPv3 protocol")) },
            expectation(3, .ldapBind) { $0.passText = text("Success") },
        ])

    /// `option ssl-hello-chk`: a TLS hello, and a handshake record or an alert.
    package static let tlsHello = CheckScript(
        .other,
        [
            CheckStep(number: 1, .send(.bytes(TLSClientHello.bytes))),
            expectation(2, .binaryExpression(pattern("^1[56]"))) {
                $0.bytesMin = 5
                ($0.passStatus, $0.failureStatus, $0.timeoutStatus) = (.layer6OK, .layer6InvalidResponse, .layer6Timeout)
            },
        ])

    // MARK: Parts

    /// A connect with the server's options that is closed with a FIN: these servers log a reset as an error.
    private static var lingering: CheckConnect {
        var connect = CheckConnect(usesServerOptions: true)
        connect.lingers = true
        return connect
    }

    private static func expectation(_ number: Int, _ match: CheckMatch, _ adjust: (inout CheckExpectation) -> Void) -> CheckStep {
        var expectation = CheckExpectation(match)
        adjust(&expectation)
        return CheckStep(number: number, .expect(expectation))
    }

    /// An SMTP reply. Its code and text are reported.
    private static func reply(_ number: Int, _ expression: String, _ adjust: (inout CheckExpectation) -> Void = { _ in }) -> CheckStep {
        let text = CheckFormat([.expression(CheckExpression(.payload(offset: 4, length: 0), [.trimFront([UInt8(ascii: " ")]), .cutLine]))])
        return expectation(number, .expression(pattern(expression))) {
            ($0.failureStatus, $0.failureText, $0.passText) = (.layer7WrongStatus, text, text)
            $0.code = CheckExpression(.payload(offset: 0, length: 3), [])
            adjust(&$0)
        }
    }

    private static func text(_ text: String) -> CheckFormat { CheckFormat(literal: Array(text.utf8)) }

    /// The answer from a byte on.
    private static func payload(from offset: Int) -> CheckFormat { CheckFormat([.expression(CheckExpression(.payload(offset: offset, length: 0), []))]) }

    /// The first line of the answer.
    private static var line: CheckFormat { CheckFormat([.expression(CheckExpression(.payload(offset: 0, length: 0), [.cutLine]))]) }

    private static func pattern(_ expression: String) -> RegularExpression {
        do throws(RegularExpression.SyntaxError) {
            return try RegularExpression(expression)
        } catch {
            preconditionFailure("\(expression): \(error)")
        }
    }

    /// The first message of a client: its length, version 3.0, and the user.
    private static func startupMessage(_ user: String) -> [UInt8] {
        let parameters = "user\0\(user)\0\0".utf8
        var message = ByteWriter()
        message.writeBigEndian(UInt32(8 + parameters.count))
        message.write([0, 3, 0, 0])
        message.write(parameters)
        return message.bytes
    }
}
