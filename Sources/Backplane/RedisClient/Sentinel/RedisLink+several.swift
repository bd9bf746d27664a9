extension [RedisLink] {
    func start(delegate: any RedisLinkDelegate) {
        for link in self {
            link.delegate = delegate
            link.start()
        }
    }

    func stop() {
        for link in self { link.stop() }
    }
}
