SmokeMain.run()
