import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// What every broker does, said once.
@Suite(.timeLimit(.minutes(2)))
struct BrokerContractTests {
    @Test(arguments: BrokerKind.allCases)
    func `Every subscribed node gets a message once`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 3) { nodes in
            for node in nodes { try await node.broker.subscribe(to: .all) }
            #expect(await nodes[0].publish("hello") == .success(.relayed(receivers: 3)))
            for node in nodes {
                #expect(await eventually { node.receiver.texts == ["hello"] })
                #expect(node.receiver.envelopes.first?.origin == nodes[0].node)
            }
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `A node that is not subscribed gets nothing`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 2) { nodes in
            try await nodes[0].broker.subscribe(to: .all)
            try await nodes[1].broker.subscribe(to: .node(nodes[1].node))
            #expect(await nodes[0].publish("for all") == .success(.relayed(receivers: 1)))
            #expect(await nodes[0].publish("for one", to: .node(nodes[1].node)) == .success(.relayed(receivers: 1)))
            #expect(await eventually { nodes[1].receiver.texts == ["for one"] })
            #expect(await eventually { nodes[0].receiver.texts == ["for all"] })
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `One topic has one order on all nodes`(kind: BrokerKind) async throws {
        let perNode = 300
        try await kind.withCluster(of: 3) { nodes in
            for node in nodes { try await node.broker.subscribe(to: .all) }
            await withTaskGroup(of: Void.self) { group in
                for (index, node) in nodes.enumerated() {
                    group.addTask { for number in 0..<perNode { node.post("\(index).\(number)") } }
                }
            }
            #expect(await eventually { nodes.allSatisfy { $0.receiver.texts.count == 3 * perNode } })
            let order = nodes[0].receiver.texts
            for node in nodes { #expect(node.receiver.texts == order) }
            for index in 0..<3 {
                #expect(order.filter { $0.hasPrefix("\(index).") } == (0..<perNode).map { "\(index).\($0)" })
            }
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `One node's messages keep their order across topics`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 2) { nodes in
            let own = Topic.node(nodes[1].node)
            try await nodes[1].broker.subscribe(to: .all)
            try await nodes[1].broker.subscribe(to: own)
            for number in 0..<200 { nodes[0].post("\(number)", to: number.isMultiple(of: 2) ? .all : own) }
            #expect(await eventually { nodes[1].receiver.texts == (0..<200).map(String.init) })
            let sequences = nodes[1].receiver.envelopes.map(\.sequence)
            #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 })
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `After unsubscribing nothing published later arrives`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 2) { nodes in
            for node in nodes { try await node.broker.subscribe(to: .all) }
            await nodes[1].broker.unsubscribe(from: .all)
            #expect(
                await eventually { await nodes[0].publish("probe") == .success(.relayed(receivers: 1)) }
            )
            let before = nodes[1].receiver.texts.count
            #expect(await nodes[0].publish("later") == .success(.relayed(receivers: 1)))
            try await nodes[1].broker.subscribe(to: .all)
            #expect(await nodes[0].publish("again") == .success(.relayed(receivers: 2)))
            #expect(await eventually { nodes[1].receiver.texts.last == "again" })
            #expect(nodes[1].receiver.texts.count == before + 1)
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `Groups and users of any name have topics of their own`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 2) { nodes in
            let topics = AwkwardNames.all.compactMap { AudienceName($0) }.flatMap { [Topic.group($0), .user($0)] }
            #expect(topics.count == 2 * AwkwardNames.all.count)
            for topic in topics { try await nodes[1].broker.subscribe(to: topic) }
            for (number, topic) in topics.enumerated() {
                #expect(await nodes[0].publish("\(number)", to: topic) == .success(.relayed(receivers: 1)), "\(number)")
            }
            #expect(await eventually { nodes[1].receiver.texts == topics.indices.map(String.init) })
            // Given up and taken up again, where the channel alone does not say whose it is, too.
            for topic in topics {
                await nodes[1].broker.unsubscribe(from: topic)
                try await nodes[1].broker.subscribe(to: topic)
            }
            for topic in topics { await nodes[1].broker.unsubscribe(from: topic) }
            for topic in topics {
                #expect(await eventually { await nodes[0].publish("nobody", to: topic) == .success(.relayed(receivers: 0)) })
            }
            #expect(nodes[1].broker.health.interruptions == 0)
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `What is larger than an envelope is refused`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 1) { nodes in
            try await nodes[0].broker.subscribe(to: .all)
            let payload = ByteBuffer(repeating: 1, count: Limits.maximumEnvelopeBytes)
            let publication = Publication(
                id: .random(on: nodes[0].node),
                kind: .message,
                dataType: .binary,
                timestamp: 0,
                payload: payload
            )
            let result = await withCheckedContinuation { continuation in
                nodes[0].broker.publish(.publication(publication), to: .all) { continuation.resume(returning: $0) }
            }
            #expect(result == .failure(.tooLarge))
            #expect(await nodes[0].publish("small") == .success(.relayed(receivers: 1)))
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `The largest payload arrives`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 2) { nodes in
            try await nodes[1].broker.subscribe(to: .all)
            let payload = ByteBuffer(repeating: 7, count: Limits.maximumPayloadBytes)
            let message = NodeMessage.publication(
                Publication(
                    id: .random(on: nodes[0].node),
                    kind: .message,
                    dataType: .binary,
                    timestamp: 0,
                    payload: payload
                )
            )
            nodes[0].broker.publish(message, to: .all, completion: nil)
            #expect(await eventually { nodes[1].receiver.envelopes.count == 1 })
            #expect(nodes[1].receiver.envelopes.first?.message == message)
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `What is published while its node subscribes arrives once wherever it counts`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 2) { nodes in
            for node in nodes { try await node.broker.subscribe(to: .all) }
            #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
            for round in 0..<200 {
                let topic = Topic.user(try #require(AudienceName("user-\(round)" as String)))
                try await nodes[1].broker.subscribe(to: topic)
                async let subscription: Void = nodes[0].broker.subscribe(to: topic)
                let outcome = await nodes[0].publish("\(round)", to: topic)
                try await subscription
                guard case .success(.relayed(let receivers, _)) = outcome else {
                    Issue.record("Round \(round): \(outcome)")
                    return
                }
                // Behind it, nothing of before can come.
                #expect(await nodes[0].publish("end \(round)", to: topic) == .success(.relayed(receivers: 2)))
                #expect(await eventually { nodes.allSatisfy { $0.receiver.texts.last == "end \(round)" } })
                #expect(nodes[1].receiver.texts.count { $0 == "\(round)" } == 1)
                #expect(nodes[0].receiver.texts.count { $0 == "\(round)" } == receivers - 1)
            }
            #expect(nodes.allSatisfy { $0.receiver.missed.isEmpty })
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `Of what a broker takes a receiver that stands still misses nothing untold`(kind: BrokerKind) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        try await kind.withCluster(of: 2, on: group) { nodes in
            for node in nodes { try await node.broker.subscribe(to: .all) }
            #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
            // More than waits anywhere on its way.
            let gate = ConditionLock(value: 0)
            nodes[1].eventLoop.execute {
                gate.lock(whenValue: 1)
                gate.unlock()
            }
            var taken = 0
            for number in 0..<24 {
                let outcome = await nodes[0].publish("\(number)" + String(repeating: "x", count: 4_000_000))
                if case .success = outcome { taken += 1 } else { #expect(outcome == .failure(.outboxFull)) }
            }
            gate.lock()
            gate.unlock(withValue: 1)
            let receiver = nodes[1].receiver
            let isTold = await eventually {
                let lost = receiver.missed.reduce(0) { $0 + ($1.lost ?? 24) }
                return receiver.count + lost >= taken
            }
            #expect(isTold, "\(receiver.count) of \(taken), told: \(receiver.missed)")
            #expect(receiver.missed.allSatisfy { $0.topic == .all })
            #expect(kind != .memory || taken < 24 && receiver.count == taken && receiver.missed.isEmpty)
            #expect(kind == .memory || !receiver.missed.isEmpty, "nothing was lost")
        }
        try await group.shutdownGracefully()
    }

    @Test(arguments: BrokerKind.allCases)
    func `Once everything is subscribed health is up`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 1) { nodes in
            try await nodes[0].broker.subscribe(to: .all)
            #expect(await eventually { nodes[0].broker.health.isUp })
            let health = nodes[0].broker.health
            #expect(health == BrokerHealth(state: .up, since: health.since, lag: health.lag))
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `After its end a broker takes nothing`(kind: BrokerKind) async throws {
        var endpoints: [BrokerEndpoint] = []
        try await kind.withCluster(of: 1) { nodes in
            try await nodes[0].broker.subscribe(to: .all)
            endpoints = nodes
        }
        let ended = try #require(endpoints.first)
        #expect(await ended.publish("too late") == .failure(.closed))
        await #expect(throws: BrokerError.closed) { try await ended.broker.subscribe(to: .node(ended.node)) }
        #expect(ended.receiver.texts.isEmpty)
    }
}
