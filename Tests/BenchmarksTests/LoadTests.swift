import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import Benchmarks

@Suite("The load, without a proxy", .serialized)
struct LoadTests {
    /// Runs `body` with the address of a server in this process.
    private func withServer(_ service: Service, _ body: (SocketAddress) throws -> Void) throws {
        let address = SocketAddress.ip(.v4(0x7f00_0001), port: try FreePort.find(on: "127.0.0.1", not: []))
        var control: [Int32] = [0, 0]
        var ready: [Int32] = [0, 0]
        try #require(pipe(&control) == 0 && pipe(&ready) == 0)
        let (controlEnd, readyEnd) = (control[0], ready[1])
        let thread = try Thread(named: "server") {
            if var server = try? Server(), (try? server.listen(on: address, service: service)) != nil {
                _ = write(readyEnd, "1", 1)
                try? server.run(until: controlEnd)
            }
            close(readyEnd)
        }
        var byte: UInt8 = 0
        let isReady = read(ready[0], &byte, 1) == 1
        let result = Result { if isReady { try body(address) } }
        close(control[1])
        thread.join()
        close(control[0])
        close(ready[0])
        #expect(isReady)
        try result.get()
    }

    @Test("succeeds at every exchange of every shape", arguments: Shape.allCases)
    func succeeds(shape: Shape) throws {
        try withServer(shape.service) { address in
            let settings = LoadSettings(
                shape: shape, destination: address, connectionCount: 4, warmUp: .milliseconds(10), window: .milliseconds(200), measured: [])
            let report = try Subcommands.run(settings)
            #expect(report.errorCount == 0, "\(report.firstError)")
            #expect(report.count > 0)
        }
    }

    @Test("counts refused connections as errors", arguments: Shape.allCases)
    func refused(shape: Shape) throws {
        let port = try HeldPort()
        let settings = LoadSettings(
            shape: shape, destination: port.address, connectionCount: 4, warmUp: .milliseconds(10), window: .milliseconds(10))
        let report = try Subcommands.run(settings)
        #expect(report.errorCount == 4)
        #expect(report.count == 0)
        #expect(report.firstError.contains("Connection refused"))
    }

    @Test("counts a server with another script as an error")
    func wrongScript() throws {
        try withServer(.greeting) { address in
            let settings = LoadSettings(
                shape: .requests, destination: address, connectionCount: 2, warmUp: .milliseconds(10), window: .milliseconds(10))
            let report = try Subcommands.run(settings)
            #expect(report.errorCount >= 2)
        }
    }
}
