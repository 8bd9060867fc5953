import Files
import Runs

extension CompactionPlan {
  /// What the plan sees of a shard as it is now. Where somebody has asked for its merges, none waits for rest.
  init(_ context: MaintenanceContext, isAsked: Bool = false) {
    let core = context.core
    let (state, version, options) = (core.manifest.state, core.live.version, core.options)
    self.init()
    closedThrough = state.closedThrough
    rolledUp = state.rolledUp
    minutesFrom = state.minutesFrom
    now = core.clock.now()
    if isAsked { rest = 0 }
    minuteRetention = options.minuteRetention
    runTiers = options.runTiers
    patchFanIn = options.patchFanIn
    correctionFanIn = options.correctionFanIn
    segmentFanIn = options.segmentFanIn
    segmentLimit = UInt64(options.segmentLimit)
    for key in version.tables.keys.sorted() {
      var table = CompactionPlan.Table()
      table.bases = version.tables[key]!.bases.map(Self.shape)
      table.patches = version.tables[key]!.patches.map(Self.shape)
      tables[key] = table
    }
    segments = version.segments.map {
      SegmentShape(
        rows: UInt64($0.summary.rows), day: $0.receiveDay(of: options.receiveDay), created: $0.file.header.created)
    }
    dictionaries = context.dictionaries.map(\.count)
    recountedSegments = version.segments.count { $0.summary.positions.upperBound <= state.recounted.position }
    corrections = version.corrections.map { $0.rowCount + $0.repeatCount }
  }

  private static func shape(_ run: Run) -> Shape {
    Shape(window: run.window, bytes: run.file.reference.bytes, created: run.file.header.created)
  }
}
