import Dispatch
import NIOCore
import NIOEmbedded
import NIOPosix

@testable import VolaryNode

/// Work for another event loop.
enum HopCases {
    static var all: [Case] {
        [
            // Our part alone: into the queue, and out of it.
            Case("shard-queue", "hop") {
                let loop = EmbeddedEventLoop()
                let shard = ConnectionShard(eventLoop: loop)
                return { rounds in
                    for _ in 0..<rounds {
                        _ = shard.submit { _ in }
                        loop.run()
                    }
                }
            },
            // To a thread that sleeps, and back.
            Case("shard-hop", "hop") {
                let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
                let shard = ConnectionShard(eventLoop: group.next())
                let done = DispatchSemaphore(value: 0)
                return { rounds in
                    for _ in 0..<rounds {
                        _ = shard.submit { _ in done.signal() }
                        done.wait()
                    }
                }
            },
        ]
    }
}
