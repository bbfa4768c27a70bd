<#
.SYNOPSIS
Installer of @NAME@ @VERSION@, written by cargo xpkg. Needs PowerShell 5.1 or later.

.DESCRIPTION
    powershell -ExecutionPolicy Bypass -c "irm URL/install.ps1 | iex"

Everything is in functions that the last line calls: of a download that was cut off, nothing runs.
#>
param(
    # Packages to install; all by default.
    [string[]] $Package = @(),
    # Directory of the programs.
    [string] $Dir = $env:@PREFIX@_INSTALL_DIR,
    # Target to install, instead of the detected one.
    [string] $Target = '',
    # Directory to download from.
    [string] $Url = $env:@PREFIX@_INSTALL_URL,
    # Directory on this machine that has the archives; nothing is downloaded.
    [string] $From = '',
    # Replaces programs that no earlier run has installed.
    [switch] $Force,
    # Leaves PATH alone.
    [switch] $NoModifyPath = ($env:@PREFIX@_NO_MODIFY_PATH -eq '1'),
    # Shows what would be installed, and stops.
    [switch] $Print,
    # Removes what an earlier run has installed, unless it was changed.
    [switch] $Uninstall,
    # Prints the version.
    [switch] $Version
)

$script:Name = '@NAME@'
$script:Release = '@VERSION@'
$script:DefaultUrl = '@URL@'
$script:DefaultDir = '@DIR@'

# Public keys that SHA256SUMS is signed by; empty where it is not signed.
$script:MinisignKey = '@MINISIGN_KEY@'
$script:SshKey = '@SSH_KEY@'

# Package, target, archive, SHA-256, programs.
$script:Table = @(
@TABLE@)

function Get-Digest([string] $Path) {
    (Get-FileHash -Algorithm SHA256 -LiteralPath $Path).Hash.ToLowerInvariant()
}

# Returns the targets that this machine may run, the best first.
function Get-Targets {
    # A 32-bit PowerShell on 64-bit Windows reports the processor here.
    $cpu = $env:PROCESSOR_ARCHITEW6432
    if (-not $cpu) { $cpu = $env:PROCESSOR_ARCHITECTURE }
    $processors = switch ($cpu) {
        'ARM64' { 'aarch64', 'x86_64', 'i686' }
        'AMD64' { 'x86_64', 'i686' }
        'x86' { 'i686', 'i586' }
        default { throw "no build for the processor $cpu" }
    }
    foreach ($processor in $processors) {
        foreach ($system in 'pc-windows-msvc', 'pc-windows-gnullvm', 'pc-windows-gnu') {
            "$processor-$system"
        }
    }
}

# Returns the row of a package that fits this machine.
function Select-Build([string] $Wanted) {
    $targets = if ($Target) { @($Target) } else { @(Get-Targets) }
    foreach ($candidate in $targets) {
        foreach ($row in $script:Table) {
            if ($row[0] -eq $Wanted -and $row[1] -eq $candidate) { return , $row }
        }
    }
    throw "$Wanted $script:Release has no build for $($targets -join ', ')"
}

function Read-Receipt([string] $Path) {
    if (Test-Path -LiteralPath $Path) { Get-Content -LiteralPath $Path | Where-Object { $_ } }
}

# Returns the names of the programs in lines of a receipt.
function Get-Names([string[]] $Lines) {
    $Lines | Where-Object { $_ } | ForEach-Object { ($_ -split '  ', 2)[1] } | Select-Object -Unique
}

# Throws if a file that no earlier run has installed is where a program of these builds belongs.
function Assert-NoForeign([object[]] $Builds, [string] $Directory, [string] $Receipt) {
    $known = @(Get-Names @(Read-Receipt $Receipt))
    $foreign = @()
    foreach ($build in $Builds) {
        foreach ($program in $build[4] -split ',') {
            $path = Join-Path $Directory $program
            if (Test-Path -LiteralPath $path -PathType Container) { throw "$path is a directory" }
            if ($Force -or $known -contains $program) { continue }
            if (Test-Path -LiteralPath $path) { $foreign += $path }
        }
    }
    if ($foreign.Count) {
        throw "not installed by an earlier run, and not overwritten: $($foreign -join ', '); remove it, choose another directory (-Dir DIR), or replace it (-Force)"
    }
}

# Removes a program that is as a line of a receipt says.
function Remove-Installed([string] $Directory, [string[]] $Lines, [string] $Program) {
    $path = Join-Path $Directory $Program
    if (-not (Test-Path -LiteralPath $path -PathType Leaf)) { return }
    if ($Lines -contains "$(Get-Digest $path)  $Program") {
        Remove-Item -LiteralPath $path -Force
        Write-Host "  removed $path"
    } else {
        Write-Host "  kept ${path}: it was changed"
    }
}

# Replaces a program. One that is running can be renamed, but not overwritten.
function Move-Program([string] $File, [string] $Destination) {
    if (Test-Path -LiteralPath $Destination) {
        $old = "$Destination.old-$([guid]::NewGuid().ToString('N'))"
        Move-Item -LiteralPath $Destination -Destination $old
        try {
            Move-Item -LiteralPath $File -Destination $Destination
        } catch {
            Move-Item -LiteralPath $old -Destination $Destination
            throw
        }
        Remove-Item -LiteralPath $old -Force -ErrorAction SilentlyContinue
    } else {
        Move-Item -LiteralPath $File -Destination $Destination
    }
}

# Fetches a file of the release, and returns its path.
function Get-ReleaseFile([string] $File, [string] $Base, [string] $Scratch) {
    $path = Join-Path $Scratch $File
    if ($From) {
        Copy-Item -LiteralPath (Join-Path $From $File) -Destination $path
    } else {
        [Net.ServicePointManager]::SecurityProtocol =
            [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
        Invoke-WebRequest -UseBasicParsing -Uri "$Base/$File" -OutFile $path
    }
    $path
}

function Test-Tool([string] $Tool) {
    [bool] (Get-Command $Tool -CommandType Application -ErrorAction SilentlyContinue)
}

# Verifies the signature of the list of all files by a tool that is here, says by which, and returns
# the lines of the list; nothing if there is no key or no tool.
function Get-SignedLines([string] $Base, [string] $Scratch) {
    if (-not $script:MinisignKey -and -not $script:SshKey) { return }
    if ($script:MinisignKey -and (Test-Tool 'minisign')) {
        $by = 'minisign'
        $sums = Get-ReleaseFile 'SHA256SUMS' $Base $Scratch
        $signature = Get-ReleaseFile 'SHA256SUMS.minisig' $Base $Scratch
        $said = & minisign -V -Q -P $script:MinisignKey -m $sums -x $signature
        if ($LASTEXITCODE -ne 0) { throw "SHA256SUMS is not signed by the key in this script, says $by" }
        if ("$said" -cne "$script:Name $script:Release") {
            throw "SHA256SUMS is signed for $said, not for $script:Name $script:Release"
        }
    } elseif ($script:SshKey -and (Test-Tool 'ssh-keygen')) {
        $by = 'ssh-keygen'
        $sums = Get-ReleaseFile 'SHA256SUMS' $Base $Scratch
        Get-ReleaseFile 'SHA256SUMS.sig' $Base $Scratch | Out-Null
        [IO.File]::WriteAllText((Join-Path $Scratch 'allowed'), "signer namespaces=`"file`" $script:SshKey`n")
        # A pipe of PowerShell would change the bytes.
        $run = Start-Process -FilePath 'ssh-keygen' -WorkingDirectory $Scratch -NoNewWindow -Wait -PassThru `
            -ArgumentList '-q -Y verify -f allowed -I signer -n file -s SHA256SUMS.sig' -RedirectStandardInput $sums
        if ($run.ExitCode -ne 0) { throw "SHA256SUMS is not signed by the key in this script, says $by" }
    } else {
        Write-Host 'the signature was not verified, for which minisign or ssh-keygen is needed; the archives are compared with the digests in this script'
        return
    }
    Write-Host "SHA256SUMS is signed by the key in this script, says $by"
    Get-Content -LiteralPath $sums
}

function Install-Release([string[]] $Wanted, [string] $Directory, [string] $Base, [string] $Receipt) {
    # Nothing is created for a machine that has no build.
    $builds = @($Wanted | ForEach-Object { , (Select-Build $_) })
    if (-not $From -and -not $Base) { throw 'nothing says where the archives are: -Url URL or -From DIR' }
    Assert-NoForeign $builds $Directory $Receipt
    New-Item -ItemType Directory -Force -Path $Directory | Out-Null
    $scratch = Join-Path $Directory ".$script:Name-$([guid]::NewGuid().ToString('N'))"
    New-Item -ItemType Directory -Path $scratch | Out-Null
    try {
        $lines = @()
        $moves = @()
        $signed = @(Get-SignedLines $Base $scratch)
        foreach ($build in $builds) {
            $wantedPackage, $triple, $archive, $digest, $programs = $build
            Write-Host "$wantedPackage $script:Release for $triple"
            $file = Get-ReleaseFile $archive $Base $scratch
            $found = Get-Digest $file
            if ($found -ne $digest) {
                throw "$archive is not the file that was released: SHA-256 $found, expected $digest"
            }
            if ($signed.Count -and $signed -cnotcontains "$digest  $archive") {
                throw "$archive is not in the signed SHA256SUMS"
            }
            $unpacked = Join-Path $scratch $wantedPackage
            New-Item -ItemType Directory -Path $unpacked | Out-Null
            if ($archive.EndsWith('.zip')) {
                Expand-Archive -LiteralPath $file -DestinationPath $unpacked
            } else {
                & tar -xf $file -C $unpacked
                if ($LASTEXITCODE -ne 0) { throw "cannot unpack $archive" }
            }
            $stem = $archive -replace '\.(zip|tar\.[a-z]+)$', ''
            foreach ($program in $programs -split ',') {
                $path = Join-Path (Join-Path $unpacked $stem) $program
                if (-not (Test-Path -LiteralPath $path -PathType Leaf)) {
                    throw "$archive has no program $program"
                }
                $lines += "$(Get-Digest $path)  $program"
                $moves += , @($path, (Join-Path $Directory $program))
            }
        }
        # Until all are moved, the receipt has the programs of before and of now: what an interruption
        # leaves can be replaced and removed.
        $old = @(Read-Receipt $Receipt)
        Set-Content -LiteralPath $Receipt -Value ($lines + $old)
        # All is checked.
        foreach ($move in $moves) {
            Move-Program $move[0] $move[1]
            Write-Host "  $($move[1])"
        }
        $names = @(Get-Names $lines)
        foreach ($program in @(Get-Names $old)) {
            if ($names -contains $program) { continue }
            if ($Package.Count) {
                $lines += @($old | Where-Object { ($_ -split '  ', 2)[1] -eq $program })
            } else {
                Remove-Installed $Directory $old $program
            }
        }
        Set-Content -LiteralPath $Receipt -Value $lines
    } finally {
        Remove-Item -LiteralPath $scratch -Recurse -Force -ErrorAction SilentlyContinue
    }
    if ($NoModifyPath) { return }
    if ($env:GITHUB_PATH) { Add-Content -LiteralPath $env:GITHUB_PATH -Value $Directory }
    $path = [Environment]::GetEnvironmentVariable('Path', 'User')
    if (@($path -split ';') -notcontains $Directory) {
        $parts = @($Directory) + @($path -split ';' | Where-Object { $_ })
        [Environment]::SetEnvironmentVariable('Path', ($parts -join ';'), 'User')
        Write-Host 'open a new terminal to find the programs on PATH'
    }
}

function Uninstall-Release([string] $Directory, [string] $Receipt) {
    if (-not (Test-Path -LiteralPath $Receipt)) { throw "nothing to remove: there is no $Receipt" }
    $old = @(Read-Receipt $Receipt)
    foreach ($program in @(Get-Names $old)) { Remove-Installed $Directory $old $program }
    Remove-Item -LiteralPath $Receipt -Force
    if ($NoModifyPath) { return }
    $path = [Environment]::GetEnvironmentVariable('Path', 'User')
    $parts = @($path -split ';' | Where-Object { $_ -and $_ -ne $Directory })
    [Environment]::SetEnvironmentVariable('Path', ($parts -join ';'), 'User')
}

function Start-Installer {
    $ErrorActionPreference = 'Stop'
    if ($Version) {
        Write-Output "$script:Name $script:Release"
        return
    }
    $known = @($script:Table | ForEach-Object { $_[0] } | Select-Object -Unique)
    foreach ($name in $Package) {
        if ($known -notcontains $name) {
            throw "there is no package $name in $script:Name $script:Release; it has $($known -join ', ')"
        }
    }
    $wanted = if ($Package.Count) { $Package } else { $known }
    $directory = if ($Dir) { $Dir } else { Join-Path $HOME $script:DefaultDir }
    $directory = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($directory)
    $base = if ($Url) { $Url } else { $script:DefaultUrl }
    $base = $base.TrimEnd('/')
    $receipt = Join-Path $directory ".$script:Name-receipt"
    if ($Uninstall) {
        Uninstall-Release $directory $receipt
    } elseif ($Print) {
        foreach ($name in $wanted) {
            $build = Select-Build $name
            Write-Output "$name $($build[1]) $base/$($build[2]) $($build[3])"
        }
    } else {
        Install-Release $wanted $directory $base $receipt
    }
}

Start-Installer
