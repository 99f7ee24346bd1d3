import Glibc
import LinuxIO
import Testing
import Wire

@testable import NodeAgent

@Suite("A service manager")
struct ServiceNotifierTests {
    @Test("is notified at an absolute path and at an abstract name", arguments: ["/", "@"])
    func places(kind: String) throws {
        let folder = try TemporaryFolder()
        let name = kind == "/" ? "\(folder.path)/notify" : "@tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let address = SocketAddress.unix(kind == "/" ? name : "\0" + name.dropFirst())
        let receiver = try Sockets.open(.datagram, for: address)
        try Sockets.bind(receiver.raw, to: address)
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": name])
        #expect(notifier.problem == nil)
        notifier.notify(.ready, status: "serving")
        let text = try Sockets.receive(receiver.raw, upTo: 4096).map { String(decoding: $0, as: UTF8.self) }
        #expect(text == "READY=1\nSTATUS=serving\n")
    }

    @Test(
        "is not notified at any other place, and the operator gets a warning",
        arguments: ["run/notify", "vsock:2:1234", "@", "/", "x", "/" + String(repeating: "y", count: 107)])
    func problems(socket: String) {
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": socket])
        #expect(notifier.problem?.hasPrefix("NOTIFY_SOCKET '\(socket)' is not usable") == true)
        notifier.notify(.ready)
    }

    @Test("without a notification socket gets none", arguments: [[:], ["NOTIFY_SOCKET": ""]] as [[String: String]])
    func none(environment: [String: String]) { #expect(ServiceNotifier(environment: environment).problem == nil) }
}
