import Wire

/// Where a check connects, and what precedes its bytes. The settings of the server's checks apply unless it replaces them.
package struct CheckTarget: Equatable, Sendable {
    /// Which PROXY header a connection begins with.
    package enum Header: Equatable, Sendable {
        /// The header of the server's checks, if they have one.
        case ofChecks
        /// The header of the server's sessions without the parts about a client, or version 1.
        case always
        /// None.
        case none
    }

    /// The server, with the settings of its checks.
    package static let server = CheckTarget()
    /// The helper process, which runs a program for the server's own address.
    package static let program = CheckTarget(isProgram: true)

    /// The address; `nil` for that of the server's checks.
    package var address: IPAddress?
    /// The port; `nil` for that of the server's checks.
    package var port: UInt16?
    /// The PROXY header.
    package var header = Header.ofChecks
    /// True when the check ends with this connect and exchanges no bytes.
    package var isBare = false
    /// True for the helper process.
    package let isProgram: Bool

    /// Creates a target with the settings of the server's checks.
    package init() { self.init(isProgram: false) }

    private init(isProgram: Bool) {
        self.isProgram = isProgram
        if isProgram { header = .none }
    }
}
