import Foundation
import Support

/// `fault --kind close|garbage|trickle|late --port N --to A:P`: a faulty relay in front of a real server, until it is killed.
func serveFault(_ arguments: Arguments) {
    guard let fault = FaultyRelay.Fault(rawValue: arguments.text("kind")) else { fail("--kind takes close, garbage, trickle or late") }
    do {
        let relay = try FaultyRelay(fault, port: UInt16(clamping: arguments.number("port")), target: arguments.endpoint("to"))
        printLine("serving")
        relay.serve()
    } catch {
        fail("\(error)")
    }
}

/// `name-fault --kind nxdomain|truncate|slow --port N --to A:P`: a faulty nameserver in front of a real one, until it is killed.
func serveNameFault(_ arguments: Arguments) {
    guard let fault = FaultyNameserver.Fault(rawValue: arguments.text("kind")) else { fail("--kind takes nxdomain, truncate or slow") }
    do {
        let nameserver = try FaultyNameserver(fault, port: UInt16(clamping: arguments.number("port")), target: arguments.endpoint("to"))
        printLine("serving")
        nameserver.serve()
    } catch {
        fail("\(error)")
    }
}

/// `beat --to A:P --user NAME --text SQL`: runs SQL ten times a second, with the moment (monotonic nanoseconds) for `MOMENT`, until it is killed.
func beat(_ arguments: Arguments) {
    let (address, port) = arguments.endpoint("to")
    let text = arguments.text("text")
    while true {
        do throws(MySQLClientError) {
            var client = try MySQLClient(address: address, port: port, user: arguments.text("user"), patience: 2)
            while true {
                _ = try client.query(text.replacingOccurrences(of: "MOMENT", with: "\(MonotonicMoment.now)"))
                usleep(100_000)
            }
        } catch {
            usleep(200_000)  // the server is away, or refuses writes: it may be back soon
        }
    }
}
