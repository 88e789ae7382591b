"""CodePipeline, CodeBuild, CodeDeploy and a balancer, over the local cloud: scripts/pipeline."""
